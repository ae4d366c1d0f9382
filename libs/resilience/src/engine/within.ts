import type { Clock } from './clock.js';

/**
 * What the work comes to, or what `late` gives or throws when the time is over first; the work goes on.
 */
export function within<T, L = never>(clock: Clock, limitMs: number, work: Promise<T>, late: () => L): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    }, limitMs);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
