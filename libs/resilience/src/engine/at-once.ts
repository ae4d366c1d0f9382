import { types } from 'node:util';

import { ResilienceOptionsError } from './errors.js';
import { abandon, isThenable } from './return-kind.js';

/** What is said of a function that answers later where a running call needs its answer. */
export const ANSWERS_AT_ONCE =
  'a function that answers at once, not with a promise: wait in the method itself, and let this look at what came of it';

/** Whether it can be seen without a call that a function answers with a promise. */
export function isAsync(value: unknown): boolean {
  return types.isAsyncFunction(value);
}

/**
 * The answer of a user's function that is needed now. A promise is no answer: taken for one it would be a silent "yes".
 * @param option names the function, e.g. `@Retry > retryOn`
 * @throws ResilienceOptionsError for a promise, which is left to itself without becoming an unhandled rejection
 */
export function atOnce<T>(answer: T, option: string): T {
  if (!isThenable(answer)) return answer;
  abandon(answer);
  throw new ResilienceOptionsError([{ path: option, value: answer, allowed: ANSWERS_AT_ONCE }]);
}
