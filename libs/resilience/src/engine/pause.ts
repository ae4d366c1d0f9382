import { Observable } from 'rxjs';

import { onAbort } from './abort-listeners.js';
import { bindContext } from './async-context.js';
import type { Execution } from './execution.js';

/**
 * Waits before a retry. Ends early when the caller aborts (with its reason) or the process shuts down (with the error that
 * was to be retried). The timer is never unref'd: a process that ended now would lose the call.
 * @returns cancels the wait
 */
function startPause(execution: Execution, delayMs: number, done: (failure?: { error: unknown }) => void): () => void {
  const { clock, shutdown } = execution.parts.context;
  const { callerSignal } = execution;
  const cancel = (): void => {
    timer.cancel();
    forget();
    unlisten?.();
  };
  // Whoever ends the wait (a shared clock, a signal, the shutdown), the next attempt belongs to this caller.
  const finish = bindContext((failure?: { error: unknown }): void => {
    cancel();
    done(failure);
  });
  const timer = clock.setTimer(() => finish(), delayMs);
  const forget = shutdown.onStop(() => {
    execution.cutShort = 'shutdown';
    finish({ error: execution.lastError });
  });
  const unlisten = callerSignal && onAbort(callerSignal, () => finish({ error: callerSignal.reason as unknown }));
  return cancel;
}

export function pauseObservable(execution: Execution, delayMs: number): Observable<void> {
  return new Observable((subscriber) =>
    startPause(execution, delayMs, (failure) => {
      if (failure !== undefined) return subscriber.error(failure.error);
      subscriber.next();
      subscriber.complete();
    }),
  );
}
