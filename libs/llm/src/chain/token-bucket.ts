import type { Clock } from '@nest-resilience/core';

const MINUTE_MS = 60_000;

/**
 * A bucket that holds one minute's worth and refills evenly. It may go into debt: what has been used is used, and the
 * next caller waits for it. Time is read, never scheduled.
 */
export class TokenBucket {
  private level: number;
  private filledAt: number;

  constructor(
    private readonly perMinute: number,
    private readonly clock: Clock,
  ) {
    this.level = perMinute;
    this.filledAt = clock.now();
  }

  /** Milliseconds until `amount` fits, 0 when it does. More than a full bucket fits as soon as the bucket is full. */
  waitMs(amount: number): number {
    this.refill();
    const missing = Math.min(amount, this.perMinute) - this.level;
    return missing <= 0 ? 0 : (missing / this.perMinute) * MINUTE_MS;
  }

  take(amount: number): void {
    this.refill();
    this.level -= amount;
  }

  private refill(): void {
    const now = this.clock.now();
    this.level = Math.min(this.perMinute, this.level + ((now - this.filledAt) / MINUTE_MS) * this.perMinute);
    this.filledAt = now;
  }
}
