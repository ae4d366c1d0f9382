// By name: jest and vitest replace the global ones when their clock is to stand still, and these must go on.
import { clearInterval, setInterval } from 'node:timers';

import type { Clock } from './clock.js';

const LOOK_MS = 25;
/** A clock that so many looks in a row (1 s) find where it was is a test's, and nobody moves it. */
const LOOKS_AT_REST = 40;
/** So many looks after its time a timer has not fired, though the clock goes: only the timers are a test's. */
const LOOKS_TOO_MANY = 40;

/** For what must be written or let go of when all time for work is over. */
const LAST_MS = 5_000;

/**
 * What a shutdown waits for. It always comes to an end, and keeps the process alive until then: what is left to wait for may have
 * neither a timer nor a connection, and Node would end the process in the midst of it.
 */
export class ShutdownWait {
  private usedMs = 0;

  constructor(private readonly clock: Clock) {}

  /**
   * For calls and steps at work. Whoever waits after somebody else gets what is left of the time, not as much again.
   * @returns `false` when the time is over before `work` has ended
   */
  async forWork(work: Promise<unknown>, limitMs: number): Promise<boolean> {
    const startedAt = this.clock.now();
    try {
      return await this.within(work, Math.max(0, limitMs - this.usedMs));
    } finally {
      this.usedMs += this.clock.now() - startedAt;
    }
  }

  /** For last writes, and for closing what was open: 5 s. @returns as {@link forWork} */
  forLast(work: Promise<unknown>): Promise<boolean> {
    return this.within(work, LAST_MS);
  }

  private within(work: Promise<unknown>, limitMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const { clock } = this;
      let lastSeen = clock.now();
      let atRest = 0;
      let left = limitMs / LOOK_MS + LOOKS_TOO_MANY;
      const stop = (): void => {
        cap.cancel();
        clearInterval(looks);
      };
      const end = (ended: boolean): void => {
        stop();
        resolve(ended);
      };
      const cap = clock.setTimer(() => end(false), limitMs);
      // Counted, not timed: a process that itself stood still for a second has looked only once.
      const looks = setInterval(() => {
        atRest = clock.now() === lastSeen ? atRest + 1 : 0;
        lastSeen = clock.now();
        if (atRest >= LOOKS_AT_REST || --left <= 0) end(false);
      }, LOOK_MS);
      work.then(
        () => end(true),
        (error: unknown) => {
          stop();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}
