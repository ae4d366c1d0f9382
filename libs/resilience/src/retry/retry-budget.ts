/**
 * Keeps retries a bounded share of the traffic, so that an outage is not answered with a storm.
 * One budget per policy name; counters only, no clock.
 */
export class RetryBudget {
  /** Calls in flight. */
  active = 0;
  /** Of these, calls that are waiting for or running a retry. */
  retrying = 0;

  constructor(
    private readonly ratio: number,
    private readonly min: number,
  ) {}

  tryAcquire(): boolean {
    if (this.retrying >= Math.max(this.min, this.ratio * this.active)) return false;
    this.retrying++;
    return true;
  }

  release(): void {
    this.retrying--;
  }
}
