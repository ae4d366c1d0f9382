import { classifyError, type Clock, type Random } from '@nest-resilience/core';

/** Longer hints are cut: nobody is left out for a day because of one header. */
const MAX_COOLDOWN_MS = 300_000;

/** Share of the hint by which the end is moved, only ever later: replicas that were refused together do not come back together. */
const JITTER = 0.1;

/**
 * Until when a target asked to be left alone. It only moves the target behind others that may be asked: one that is alone is
 * still asked, and what it answers decides. Time is read, never scheduled.
 */
export class Cooldown {
  private until = 0;
  private hints = 0;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  get remainingMs(): number {
    return Math.max(0, this.until - this.clock.now());
  }

  /** Of two hints the later one holds. */
  failed(error: unknown): void {
    const { retryAfterMs } = classifyError(error, this.clock.epochNow());
    if (retryAfterMs === undefined) return;
    this.hints++;
    const hintMs = Math.min(retryAfterMs, MAX_COOLDOWN_MS);
    this.until = Math.max(this.until, this.clock.now() + hintMs * (1 + JITTER * this.random()));
  }

  /** @returns to be called when the request that goes out now is answered: one that was sent before a hint says nothing against it */
  asked(): () => void {
    const { hints } = this;
    return () => {
      if (hints === this.hints) this.until = 0;
    };
  }
}
