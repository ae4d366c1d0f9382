import type { Observable } from 'rxjs';

import type { Execution } from './execution.js';
import { type OpenAttempt, runOperators } from './operator-lane.js';
import { immediate } from './shape.js';

/**
 * The operators over answers that are there at once: nothing waits, so they have ended when `subscribe` returns. A retry with a delay is
 * not possible then, a timeout cannot interrupt, a dead letter is written behind the caller's back. What answers with a promise for once
 * is waited for, and so is what follows.
 * @param replay the failure of a first attempt that ran already
 * @returns the value, a promise of it, or a `StreamInstead`
 */
export function runAtOnce(execution: Execution, open: OpenAttempt, replay?: { failure: unknown }): unknown {
  execution.canWait = false;
  execution.shape = immediate;
  return settledNow(runOperators(execution, open, replay));
}

/** What the source has emitted last when it ends; a promise of that if it has not ended yet. */
function settledNow(source: Observable<unknown>): unknown {
  let last: unknown;
  let ended: { readonly error?: unknown } | undefined;
  let settle = (): void => undefined;
  const end = (end: { readonly error?: unknown }): void => {
    ended = end;
    settle();
  };
  source.subscribe({
    next: (value) => (last = value),
    error: (error: unknown) => end({ error }),
    complete: () => end({}),
  });
  const answer = (): unknown => {
    if (ended !== undefined && 'error' in ended) throw ended.error;
    return last;
  };
  return ended === undefined ? new Promise<void>((resolve) => (settle = resolve)).then(answer) : answer();
}
