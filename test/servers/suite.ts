import { describe } from '@jest/globals';
import { findProgram } from './program.js';

/** `describe`, or on a machine without these programs a loud skip. @param what was not tested then */
export function suiteWith(programs: readonly string[], what: string): typeof describe | typeof describe.skip {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return describe;
  process.stderr.write(`\nSKIPPED: ${what} NOT tested. Install ${missing.join(' and ')}.\n\n`);
  return describe.skip;
}
