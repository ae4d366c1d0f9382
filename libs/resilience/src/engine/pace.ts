import { onAbort } from './abort-listeners.js';
import type { Clock } from './clock.js';

/** Resolves when the next one may start, or at once when the signal aborts. */
export function createPace(clock: Clock, intervalMs: number, signal: AbortSignal | undefined): () => Promise<void> {
  let nextAt = clock.now();
  return () => {
    const waitMs = nextAt - clock.now();
    nextAt = Math.max(nextAt, clock.now()) + intervalMs;
    if (waitMs <= 0 || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        unlisten?.();
        resolve();
      };
      const timer = clock.setTimer(done, waitMs);
      const unlisten = signal && onAbort(signal, done);
    });
  };
}
