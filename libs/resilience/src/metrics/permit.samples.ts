import type { Sample } from './scraped-metric.js';

type Rejected = Readonly<Record<string, number>>;

/** What is read of a bulkhead. */
export interface BulkheadStats {
  readonly name: string;
  snapshot(): {
    readonly inUse: number;
    readonly queued: number;
    readonly maxConcurrent: number;
    readonly rejected: Rejected;
  };
}

/** What is read of a rate limit. */
export interface RateLimitStats {
  readonly name: string;
  snapshot(): { readonly available: number | undefined; readonly rejected: Rejected };
}

/** One figure of each bulkhead. */
export function* bulkheadSamples(
  bulkheads: Iterable<BulkheadStats>,
  figure: 'inUse' | 'queued' | 'maxConcurrent',
): Generator<Sample> {
  for (const bulkhead of bulkheads) yield { labels: { bulkhead: bulkhead.name }, value: bulkhead.snapshot()[figure] };
}

export function* bulkheadRejectedSamples(bulkheads: Iterable<BulkheadStats>): Generator<Sample> {
  for (const bulkhead of bulkheads) yield* rejectedSamples('bulkhead', bulkhead.name, bulkhead.snapshot().rejected);
}

/** Of limits without a key: those of keys would be a sample per tenant. */
export function* availableTokenSamples(rateLimits: Iterable<RateLimitStats>): Generator<Sample> {
  for (const rateLimit of rateLimits) {
    const { available } = rateLimit.snapshot();
    if (available !== undefined) yield { labels: { rate_limit: rateLimit.name }, value: available };
  }
}

export function* rateLimitRejectedSamples(rateLimits: Iterable<RateLimitStats>): Generator<Sample> {
  for (const rateLimit of rateLimits)
    yield* rejectedSamples('rate_limit', rateLimit.name, rateLimit.snapshot().rejected);
}

function* rejectedSamples(label: string, name: string, rejected: Rejected): Generator<Sample> {
  for (const [policy, value] of Object.entries(rejected)) yield { labels: { [label]: name, policy }, value };
}
