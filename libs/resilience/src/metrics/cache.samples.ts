import type { Sample } from './scraped-metric.js';

/** What is read of a cache. */
export interface CacheStats {
  readonly name: string;
  readonly hits: number;
  readonly misses: number;
  readonly stale: number;
}

/** What is read of the running calls of one policy. */
export interface CoalesceStats {
  readonly name: string;
  readonly joined: number;
}

/** One counter of each cache. */
export function* cacheSamples(caches: Iterable<CacheStats>, counter: 'hits' | 'misses' | 'stale'): Generator<Sample> {
  for (const cache of caches) yield { labels: { policy: cache.name }, value: cache[counter] };
}

export function* coalescedSamples(policies: Iterable<CoalesceStats>): Generator<Sample> {
  for (const { name: policy, joined } of policies) yield { labels: { policy }, value: joined };
}
