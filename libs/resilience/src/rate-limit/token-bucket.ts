/**
 * A bucket into which `limit` tokens flow per interval, without steps, and which holds `limit` of them.
 *
 * Nothing is added up as time passes, so no rounding piles up: what was taken since the bucket was full is compared with what
 * has flowed in since, both times `limit * interval`, which leaves whole numbers whole. Hot path: allocates nothing.
 */
export class TokenBucket {
  /** By the monotonic clock; may lie ahead, see {@link settle}. */
  private fullAt: number;
  /** Since {@link fullAt}. */
  private taken = 0;

  constructor(
    private limit: number,
    private intervalMs: number,
    now: number,
  ) {
    this.fullAt = now;
  }

  /** Takes all of them or none. What costs nothing always passes: it takes nothing from those who wait. */
  tryTake(cost: number, now: number): boolean {
    this.settle(now);
    if (cost > 0 && this.missing(cost, now) > 0) return false;
    this.taken += cost;
    return true;
  }

  /**
   * Takes tokens that are not there yet; they are repaid before anybody else gets some.
   * @param cost below 0 gives back
   */
  takeAhead(cost: number, now: number): void {
    this.settle(now);
    this.taken += cost;
  }

  /** Leaves no token, and lets the next one come no sooner than after so many milliseconds. */
  drain(now: number, forMs = 0): void {
    this.settle(now);
    const flowedIn = ((now - this.fullAt) * this.limit) / this.intervalMs;
    const ahead = (forMs * this.limit) / this.intervalMs - 1;
    this.taken = Math.max(this.taken, flowedIn + this.limit + Math.max(0, ahead));
  }

  giveBack(cost: number): void {
    this.taken -= cost;
  }

  /** Milliseconds until {@link tryTake} would succeed; Infinity for more than the bucket ever holds. */
  waitMs(cost: number, now: number): number {
    if (cost > this.limit) return Infinity;
    this.settle(now);
    return Math.max(0, this.missing(cost, now) / this.limit);
  }

  /** Keeps the tokens that are there, as far as the new limit holds them. */
  reconfigure(limit: number, intervalMs: number, now: number): void {
    const available = this.available(now);
    this.limit = limit;
    this.intervalMs = intervalMs;
    this.fullAt = now;
    this.taken = limit - Math.min(limit, available);
  }

  /** Below 0 when tokens were taken ahead. */
  available(now: number): number {
    this.settle(now);
    return (0 - this.missing(0, now)) / this.intervalMs;
  }

  /** What tokens lack for this cost, in tokens times milliseconds. */
  private missing(cost: number, now: number): number {
    return (this.taken + cost - this.limit) * this.intervalMs - (now - this.fullAt) * this.limit;
  }

  /** What flows into a full bucket is lost. While it is not full, both numbers move on by whole intervals and so stay small. */
  private settle(now: number): void {
    const { limit, intervalMs } = this;
    if ((now - this.fullAt) * limit >= this.taken * intervalMs) {
      this.fullAt = now;
      this.taken = 0;
    } else if (this.taken >= limit) {
      const intervals = Math.floor(this.taken / limit);
      this.fullAt += intervals * intervalMs;
      this.taken -= intervals * limit;
    }
  }
}
