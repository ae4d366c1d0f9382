import type { HedgeCounts } from '../hedge/hedge-record.js';
import type { Sample } from './scraped-metric.js';

export function* hedgeSamples(hedges: Iterable<HedgeCounts>, counter: 'started' | 'won'): Generator<Sample> {
  for (const counts of hedges) yield { labels: { policy: counts.name }, value: counts[counter] };
}
