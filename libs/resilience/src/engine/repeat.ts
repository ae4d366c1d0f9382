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

/** As {@link repeat}, with a pause after each act has ended, however it ended. */
export function repeatAfterEach(clock: Clock, pauseMs: () => number, act: () => Promise<unknown>): () => void {
  let timer: TimerHandle;
  let stopped = false;
  const plan = (): void => {
    if (stopped) return;
    timer = clock.setTimer(() => void act().then(plan, plan), pauseMs());
    timer.unref();
  };
  plan();
  return () => {
    stopped = true;
    timer.cancel();
  };
}
