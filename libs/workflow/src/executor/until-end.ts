import { type Clock, onAbort } from '@nest-resilience/core';
import { repeat } from '@nest-resilience/core/kit';
import type { ExecutionRecord } from '../ledger/execution.js';

/** The ledger is looked at this often even if nothing was heard: another process may run the execution. */
const POLL_MS = 2_000;

export interface UntilEndParts {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Calls back when the execution has ended, or its process goes; returns what takes the listener away. */
  readonly onEnd: (listener: () => void) => () => void;
  readonly find: () => Promise<ExecutionRecord | undefined>;
  /** The process goes: nobody waits any longer. */
  readonly stopping: () => boolean;
}

/** Resolves when the execution has ended, the time is over, the signal aborted or the process goes, whichever is first. */
export function untilEnd({ clock, timeoutMs, signal, onEnd, find, stopping }: UntilEndParts): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const stop of stops) stop();
      resolve();
    };
    // It may have ended between the caller's look and ours.
    const look = async (): Promise<void> => {
      const execution = await find();
      if (signal?.aborted || stopping() || (execution?.status !== 'running' && execution?.status !== 'queued')) done();
    };
    const timer = clock.setTimer(done, timeoutMs);
    const stops = [
      onEnd(done),
      repeat(clock, POLL_MS, () => void look().catch(() => undefined)),
      () => timer.cancel(),
      (signal && onAbort(signal, done)) ?? (() => undefined),
    ];
    void look().catch(done);
  });
}
