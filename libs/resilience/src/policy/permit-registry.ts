import type { ResolvedBulkheadOptions } from '../bulkhead/bulkhead.options.js';
import { BulkheadPolicy } from '../bulkhead/bulkhead.policy.js';
import { Permits } from '../engine/permits.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { ResolvedRateLimitOptions } from '../rate-limit/rate-limit.options.js';
import { RateLimitPolicy } from '../rate-limit/rate-limit.policy.js';
import { type SharedRateLimitOptions, TokenBuckets } from '../rate-limit/token-buckets.js';
import type { ResolvedPolicy } from './policy.options.js';
import { takesEffect } from './same-options.js';

/** The bulkheads and token buckets of one application, by name. */
export class PermitRegistry {
  readonly bulkheads = new Map<string, BulkheadPolicy>();
  readonly rateLimits = new Map<string, TokenBuckets>();

  constructor(
    private readonly context: PolicyContext,
    private readonly warn: ((message: string) => void) | undefined,
  ) {}

  /** What an attempt of this policy needs, outermost first. */
  build(
    name: string,
    { rateLimit, bulkhead }: ResolvedPolicy,
    before: ResolvedPolicy | undefined,
  ): Permits | undefined {
    return Permits.of(
      rateLimit && this.rateLimitOf(rateLimit.name ?? name, rateLimit, before?.rateLimit),
      bulkhead && this.bulkheadOf(bulkhead.name ?? name, bulkhead, before?.bulkhead),
    );
  }

  private bulkheadOf(
    name: string,
    options: ResolvedBulkheadOptions,
    before: ResolvedBulkheadOptions | undefined,
  ): BulkheadPolicy {
    const known = this.bulkheads.get(name);
    if (known === undefined) {
      const bulkhead = new BulkheadPolicy(name, options, this.context);
      this.bulkheads.set(name, bulkhead);
      return bulkhead;
    }
    const declarations = { known: known.options, declared: options, before };
    if (takesEffect(`Bulkhead '${name}'`, declarations, this.warn)) known.reconfigure(options);
    return known;
  }

  private rateLimitOf(
    name: string,
    options: ResolvedRateLimitOptions,
    before: ResolvedRateLimitOptions | undefined,
  ): RateLimitPolicy {
    const shared = sharedOf(options);
    const buckets = this.rateLimits.get(name) ?? new TokenBuckets(name, shared, this.context);
    this.rateLimits.set(name, buckets);
    const declarations = { known: buckets.options, declared: shared, before: before && sharedOf(before) };
    if (takesEffect(`Rate limit '${name}'`, declarations, this.warn)) buckets.reconfigure(shared);
    return new RateLimitPolicy(options, buckets, this.context);
  }
}

function sharedOf({ limit, interval, maxKeys, key }: ResolvedRateLimitOptions): SharedRateLimitOptions {
  return { limit, interval, maxKeys, keyed: key !== undefined };
}
