import type { PolicyContext } from '../engine/policy-context.js';
import { RecentMap } from '../engine/recent-map.js';
import type { ResolvedRateLimitOptions } from './rate-limit.options.js';
import { TokenBucket } from './token-bucket.js';
import { TokenLine } from './token-line.js';

/** A rate limit at one moment. */
export interface RateLimitSnapshot {
  readonly limit: number;
  readonly intervalMs: number;
  /** Tokens there now, below 0 when some were taken ahead by those who wait; `undefined` for a limit with a key. */
  readonly available: number | undefined;
  /** Attempts that wait for tokens. */
  readonly waiting: number;
  /** Buckets that exist. */
  readonly buckets: number;
  /** Attempts refused so far, by the policy that was refused. */
  readonly rejected: Readonly<Record<string, number>>;
}

/** What can be read of a rate limit. */
export interface RateLimitReading {
  readonly name: string;
  snapshot(): RateLimitSnapshot;
  /**
   * Leaves no token in any bucket: for who learns of an exhausted quota by other ways than an error.
   * @param forMs the next token comes no sooner than after so many milliseconds. @default 0: as they flow in
   */
  drain(forMs?: number): void;
}

/** What policies of one name share. Cost, key and maximal wait are each policy's own: their methods have arguments of their own. */
export type SharedRateLimitOptions = Pick<ResolvedRateLimitOptions, 'limit' | 'interval' | 'maxKeys'> & {
  readonly keyed: boolean;
};

/** The buckets of one name: one for all calls, or one per key, of which the least recently used is forgotten first. */
export class TokenBuckets implements RateLimitReading {
  private readonly common: TokenBucket;
  private readonly byKey: RecentMap<TokenBucket>;
  /** Of buckets at which somebody waits. */
  private readonly lines = new Map<TokenBucket, TokenLine>();
  private readonly rejected = new Map<string, number>();

  constructor(
    readonly name: string,
    public options: SharedRateLimitOptions,
    private readonly context: PolicyContext,
  ) {
    this.byKey = new RecentMap(options.maxKeys);
    this.common = this.fill(context.clock.now());
  }

  select(key: string | undefined, now: number): TokenBucket {
    if (key === undefined) return this.common;
    const known = this.byKey.use(key);
    if (known !== undefined) return known;
    const bucket = this.fill(now);
    this.byKey.set(key, bucket);
    return bucket;
  }

  /** The line at a bucket, made if nobody waits there yet. */
  lineAt(bucket: TokenBucket): TokenLine {
    let line = this.lines.get(bucket);
    if (line === undefined) {
      line = new TokenLine(bucket, this.context.clock, () => this.lines.delete(bucket));
      this.lines.set(bucket, line);
    }
    return line;
  }

  drain(forMs = 0): void {
    const now = this.context.clock.now();
    for (const bucket of this.all()) bucket.drain(now, forMs);
  }

  giveBack(bucket: TokenBucket, cost: number): void {
    bucket.giveBack(cost);
    this.lines.get(bucket)?.serve();
  }

  reconfigure(options: SharedRateLimitOptions): void {
    const now = this.context.clock.now();
    this.options = options;
    this.byKey.limit(options.maxKeys);
    for (const bucket of this.all()) bucket.reconfigure(options.limit, options.interval, now);
    for (const line of [...this.lines.values()]) line.serve();
  }

  countRejection(policy: string): void {
    this.rejected.set(policy, (this.rejected.get(policy) ?? 0) + 1);
  }

  snapshot(): RateLimitSnapshot {
    const { limit, interval, keyed } = this.options;
    let waiting = 0;
    for (const line of this.lines.values()) waiting += line.length;
    return {
      limit,
      intervalMs: interval,
      available: keyed ? undefined : this.common.available(this.context.clock.now()),
      waiting,
      buckets: keyed ? this.byKey.size : 1,
      rejected: Object.fromEntries(this.rejected),
    };
  }

  private all(): Set<TokenBucket> {
    return new Set([this.common, ...this.byKey.all(), ...this.lines.keys()]);
  }

  private fill(now: number): TokenBucket {
    return new TokenBucket(this.options.limit, this.options.interval, now);
  }
}
