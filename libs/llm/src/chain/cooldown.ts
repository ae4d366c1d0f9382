import { classifyError, type Clock } from '@nest-resilience/core';

/** Longer hints are cut: nobody is left out for a day because of one header. */
const MAX_COOLDOWN_MS = 300_000;

/**
 * Until when a target asked to be left alone. It only moves the target behind others that may be asked: one that is alone is
 * still asked, and what it answers decides. Time is read, never scheduled.
 */
export class Cooldown {
  private until = 0;

  constructor(private readonly clock: Clock) {}

  get remainingMs(): number {
    return Math.max(0, this.until - this.clock.now());
  }

  /** Of two hints the later one holds. */
  failed(error: unknown): void {
    const { retryAfterMs } = classifyError(error, this.clock.epochNow());
    if (retryAfterMs === undefined) return;
    this.until = Math.max(this.until, this.clock.now() + Math.min(retryAfterMs, MAX_COOLDOWN_MS));
  }

  answered(): void {
    this.until = 0;
  }
}
