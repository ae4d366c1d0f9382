import { type Clock, onAbort } from '@nest-resilience/core';
import type { ExecutionRecord } from '../ledger/execution.js';

export interface UntilEndParts {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Calls back once when the execution ended; returns what takes the listener away. */
  readonly onEnd: (listener: () => void) => () => void;
  readonly find: () => Promise<ExecutionRecord | undefined>;
}

/** Resolves when the execution has ended, the time is over or the signal aborted, whichever is first. */
export function untilEnd({ clock, timeoutMs, signal, onEnd, find }: UntilEndParts): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stopListening();
      timer.cancel();
      unlisten?.();
      resolve();
    };
    const stopListening = onEnd(done);
    const timer = clock.setTimer(done, timeoutMs);
    const unlisten = signal && onAbort(signal, done);
    // It may have ended between the caller's look and ours.
    void find().then((execution) => {
      if (signal?.aborted || (execution?.status !== 'running' && execution?.status !== 'queued')) done();
    }, done);
  });
}
