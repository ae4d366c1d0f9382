/** A running timer of a {@link Clock}. */
export interface TimerHandle {
  cancel(): void;
  /** Keeps the process alive until the timer fired or was cancelled (the state of a new timer). */
  ref(): void;
  /** Lets the process end although the timer is still running. */
  unref(): void;
}

/**
 * All time in this library comes from a clock, so that a test can move it.
 * Pass your own through `ResilienceModule.forRoot({ clock })`; `FakeClock` of the `/testing` entry is one.
 */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin: immune to NTP jumps, only differences mean anything. */
  now(): number;
  /** Wall-clock milliseconds since 1970: only for records that people read, never for a decision. */
  epochNow(): number;
  setTimer(callback: () => void, delayMs: number): TimerHandle;
}

/** setTimeout stores delays in a signed 32-bit integer; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** The real clock. Globals are looked up at each call, so jest's and vitest's fake timers drive it too. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochNow: () => Date.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(delayMs, MAX_TIMER_MS));
    return {
      cancel: () => clearTimeout(timer),
      ref: () => void timer.ref(),
      unref: () => void timer.unref(),
    };
  },
};
