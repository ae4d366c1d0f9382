import { CURSOR_EXPECTED, isCursor } from '@nest-resilience/core';
import type { InputProblem } from '../graph/input-schema.js';

/** What is wrong with the cursor of a list of executions, if something is. */
export function cursorProblem(cursor: unknown): InputProblem | undefined {
  if (cursor === undefined || isCursor(cursor)) return undefined;
  const given = typeof cursor === 'string' ? `'${cursor.slice(0, 100)}'` : `of type ${typeof cursor}`;
  return { field: 'cursor', message: `is ${given}, expected ${CURSOR_EXPECTED}` };
}
