import type { Clock, TimerHandle } from '../engine/clock.js';
import { type Duration, parseDuration } from '../engine/duration.js';
import { describeValue } from '../engine/errors.js';
import { settle } from './settle.js';

interface FakeTimer {
  readonly due: number;
  readonly callback: () => void;
}

/** What a {@link FakeClock} starts with unless told otherwise. */
export const DEFAULT_FAKE_CLOCK_OPTIONS = {
  /** 2026-01-01T00:00:00Z. */
  epoch: Date.UTC(2026, 0, 1),
} as const;

/**
 * A clock that stands still until a test moves it.
 *
 * @example
 * const clock = new FakeClock();
 * const answer = service.charge();          // fails, backs off for 200 ms
 * await clock.advance('200ms');             // the second attempt runs
 * await expect(answer).resolves.toBe('ok');
 */
export class FakeClock implements Clock {
  private readonly epoch: number;
  private time = 0;
  private readonly timers: FakeTimer[] = [];
  private turn: Promise<void> = Promise.resolve();

  constructor(options: { /** Epoch milliseconds of the first moment. */ epoch?: number } = {}) {
    this.epoch = options.epoch ?? DEFAULT_FAKE_CLOCK_OPTIONS.epoch;
  }

  /** Milliseconds since the clock was made. */
  now(): number {
    return this.time;
  }

  epochNow(): number {
    return this.epoch + this.time;
  }

  /** Timers that have neither fired nor been cancelled. A test that ends with 0 leaves nothing behind. */
  get pending(): number {
    return this.timers.length;
  }

  setTimer(callback: () => void, delayMs: number): TimerHandle {
    const timer: FakeTimer = { due: this.time + (delayMs > 0 ? delayMs : 0), callback };
    // After every timer that is due at the same moment: equal times fire in the order in which they were set.
    const later = this.timers.findIndex((other) => other.due > timer.due);
    this.timers.splice(later === -1 ? this.timers.length : later, 0, timer);
    return { cancel: () => this.forget(timer), ref: () => undefined, unref: () => undefined };
  }

  /**
   * Moves time forward and runs all that falls due on the way, in order, each at its own moment; promises get to settle before,
   * between and after. Timers set on the way run too when they fall due in time. Rejects with what a timer's callback threw.
   */
  advance(duration: Duration): Promise<void> {
    const milliseconds = parseDuration(duration);
    if (milliseconds === undefined || milliseconds < 0 || !Number.isFinite(milliseconds)) {
      throw new TypeError(
        `FakeClock.advance: got ${describeValue(duration)}, expected a duration >= 0 such as 500 or '30s'`,
      );
    }
    // Two calls that were not awaited add up, instead of pulling timers out of each other's hands.
    const run = this.turn.then(() => this.moveTo(this.time + milliseconds));
    this.turn = run.catch(() => undefined);
    return run;
  }

  private async moveTo(target: number): Promise<void> {
    await settle();
    for (let next = this.timers[0]; next !== undefined && next.due <= target; next = this.timers[0]) {
      this.timers.shift();
      this.time = next.due;
      next.callback();
      await settle();
    }
    this.time = target;
  }

  private forget(timer: FakeTimer): void {
    const index = this.timers.indexOf(timer);
    if (index !== -1) this.timers.splice(index, 1);
  }
}
