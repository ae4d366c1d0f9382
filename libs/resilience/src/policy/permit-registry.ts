import type { ResolvedBulkheadOptions } from '../bulkhead/bulkhead.options.js';
import { BulkheadPolicy } from '../bulkhead/bulkhead.policy.js';
import { Permits } from '../engine/permits.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { ResolvedRateLimitOptions } from '../rate-limit/rate-limit.options.js';
import { RateLimitPolicy } from '../rate-limit/rate-limit.policy.js';
import { type SharedRateLimitOptions, TokenBuckets } from '../rate-limit/token-buckets.js';
import type { ResolvedPolicy } from './policy.options.js';
import { sameOptions } from './same-options.js';

/** Something that is shared by name and can go on with other options. */
interface Shared<O> {
  readonly options: O;
  reconfigure(options: O): void;
}

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
    if (known !== undefined) return this.agree(`Bulkhead '${name}'`, known, options, before);
    const bulkhead = new BulkheadPolicy(name, options, this.context);
    this.bulkheads.set(name, bulkhead);
    return bulkhead;
  }

  private rateLimitOf(
    name: string,
    options: ResolvedRateLimitOptions,
    before: ResolvedRateLimitOptions | undefined,
  ): RateLimitPolicy {
    const shared = sharedOf(options);
    const known = this.rateLimits.get(name);
    const buckets = known ?? new TokenBuckets(name, shared, this.context);
    if (known !== undefined) this.agree(`Rate limit '${name}'`, known, shared, before && sharedOf(before));
    this.rateLimits.set(name, buckets);
    return new RateLimitPolicy(options, buckets, this.context);
  }

  /** Only a method whose own options changed may change what it shares with others. */
  private agree<O extends object, S extends Shared<O>>(what: string, known: S, options: O, before: O | undefined): S {
    if (sameOptions(known.options, options)) return known;
    if (before === undefined)
      this.warn?.(`${what} is declared twice with different options; the first declaration wins`);
    else if (!sameOptions(before, options)) known.reconfigure(options);
    return known;
  }
}

function sharedOf({ limit, interval, maxKeys, key }: ResolvedRateLimitOptions): SharedRateLimitOptions {
  return { limit, interval, maxKeys, keyed: key !== undefined };
}
