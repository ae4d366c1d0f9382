import type { DeadLetterStore } from '../dead-letter/dead-letter.store.js';
import type { Clock } from '../engine/clock.js';
import type { Sample } from './scraped-metric.js';

/** A scrape must not wait for a store that does not answer. */
const STORE_TIMEOUT_MS = 1_000;

/** Depth of the dead letters by queue and status. A store that fails leaves a gap and is counted. */
export class DeadLetterSamples {
  private missed = 0;

  constructor(
    private readonly store: Pick<DeadLetterStore, 'count'>,
    private readonly clock: Clock,
  ) {}

  async depth(): Promise<Sample[]> {
    let give = (): void => undefined;
    const gaveUp = new Promise<undefined>((resolve) => (give = () => resolve(undefined)));
    const timer = this.clock.setTimer(give, STORE_TIMEOUT_MS);
    try {
      const counts = await Promise.race([this.store.count(), gaveUp]);
      if (counts) return counts.map(({ queue, status, count }) => ({ labels: { queue, status }, value: count }));
    } catch {
      // Why it failed is told by the health check of the store; a scrape only knows that the figure is missing.
    } finally {
      timer.cancel();
    }
    this.missed++;
    return [];
  }

  unreadable(): Sample[] {
    return [{ labels: {}, value: this.missed }];
  }
}
