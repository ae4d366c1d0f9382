import type { Clock, TimerHandle } from './clock.js';

/** Acts every so often, and keeps no process alive. Returns what ends it. */
export function repeat(clock: Clock, intervalMs: number, act: () => void): () => void {
  let timer: TimerHandle;
  const plan = (): void => {
    timer = clock.setTimer(() => {
      plan();
      act();
    }, intervalMs);
    timer.unref();
  };
  plan();
  return () => timer.cancel();
}
