import type { ChaosCounts } from '../chaos/chaos-record.js';
import type { Sample } from './scraped-metric.js';

const KINDS = ['fault', 'latency', 'result'] as const;

/** Zeros too: that there is a line at all says that chaos is on. */
export function* chaosSamples(chaos: Iterable<ChaosCounts>): Generator<Sample> {
  for (const counts of chaos) {
    for (const kind of KINDS) yield { labels: { policy: counts.name, kind }, value: counts[kind] };
  }
}
