import type { CountedDeadLetterStore } from '../../dead-letter/store/counted.store.js';
import type { Clock } from '../../engine/clock.js';
import { within } from '../../engine/within.js';
import { counter, type Figure, gauge, type Reading } from '../../engine/figure.js';

/** A scrape must not wait for a store that does not answer. */
const STORE_TIMEOUT_MS = 1_000;

/** By queue and status where a scrape asks the store; by queue, as this process counts them, where nobody may wait for one. */
export function deadLetterFigures(store: Pick<CountedDeadLetterStore, 'count' | 'open'>, clock: Clock): Figure[] {
  let missed = 0;
  const depth = async (): Promise<Reading[]> => {
    try {
      const counts = await within(clock, STORE_TIMEOUT_MS, store.count(), () => undefined);
      if (counts) return counts.map(({ queue, status, count }) => ({ labels: { queue, status }, value: count }));
    } catch {
      // Why it failed is told by the health check of the store; a scrape only knows that the figure is missing.
    }
    missed++;
    return [];
  };
  const open = () => Object.entries(store.open).map(([queue, value]) => ({ labels: { queue }, value }));
  const name = 'resilience.dead_letters';
  const prometheus = { shownBy: 'prometheus' } as const;
  return [
    gauge(name, '{entry}', 'Dead letters in the store', depth, prometheus),
    gauge(name, '{entry}', 'Open dead letters in the store', open, { shownBy: 'opentelemetry' }),
    counter(
      'resilience.dead_letters_unreadable',
      '{scrape}',
      'Scrapes that the dead letter store did not answer',
      () => [{ labels: {}, value: missed }],
      prometheus,
    ),
  ];
}
