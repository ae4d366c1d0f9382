/** How much of a retry budget is used now, in calls. */
export interface RetryBudgetReading {
  /** The policy whose budget it is. */
  readonly name: string;
  /** Calls in flight. */
  readonly active: number;
  /** Of these, calls that are waiting for or running a retry. */
  readonly retrying: number;
  /** How many may be. */
  readonly limit: number;
}

/**
 * Keeps retries a bounded share of the traffic, so that an outage is not answered with a storm.
 * One budget per policy name; counters only, no clock.
 */
export class RetryBudget implements RetryBudgetReading {
  /** Calls in flight. */
  active = 0;
  /** Of these, calls that are waiting for or running a retry. */
  retrying = 0;

  constructor(
    readonly name: string,
    private options: { readonly ratio: number; readonly min: number },
  ) {}

  reconfigure(options: { readonly ratio: number; readonly min: number }): void {
    this.options = options;
  }

  /** How many calls may be retrying now. May be a fraction: of 7 calls at 20 %, 1.4 allow two. */
  get limit(): number {
    const { ratio, min } = this.options;
    return Math.max(min, ratio * this.active);
  }

  tryAcquire(): boolean {
    if (this.retrying >= this.limit) return false;
    this.retrying++;
    return true;
  }

  release(): void {
    this.retrying--;
  }
}
