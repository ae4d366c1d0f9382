import type { Clock } from '../engine/clock.js';
import type { DeadLetterSink } from '../engine/dead-letter-sink.js';
import type { EventSink } from '../engine/events.js';
import type { OptionsReader } from '../engine/options.js';
import type { Random } from '../engine/random.js';
import type { PolicyOptions } from './policy.options.js';

/** What an application shares and a policy on its own may be given. */
export interface PolicyEnvironment {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly events?: EventSink;
  /** Needed for `deadLetter`. Inside an application use `ResilienceService.policy` instead. */
  readonly deadLetters?: DeadLetterSink;
}

type Reader = OptionsReader<PolicyOptions & PolicyEnvironment>;

export const ENVIRONMENT = ['clock', 'random', 'events', 'deadLetters'] as const;

export function checkEnvironment(reader: Reader): void {
  checkMethods(reader, 'clock', ['now', 'epochNow', 'setTimer']);
  reader.function('random');
  checkMethods(reader, 'events', ['listens', 'emit']);
  checkMethods(reader, 'deadLetters', ['store']);
  const deadLetter = reader.raw('deadLetter');
  if (deadLetter === undefined || deadLetter === false || reader.raw('deadLetters') !== undefined) return;
  const allowed = 'deadLetters: a DeadLetterSink beside it, or ResilienceService.policy(...) inside an application';
  reader.problem('deadLetter', deadLetter, allowed);
}

function checkMethods(reader: Reader, name: (typeof ENVIRONMENT)[number], methods: readonly string[]): void {
  const value = reader.raw(name);
  if (value === undefined) return;
  const fields = Object(value) as Record<string, unknown>;
  if (methods.every((method) => typeof fields[method] === 'function')) return;
  reader.problem(name, value, `an object with the methods ${methods.join(', ')}`);
}
