import type { ResolvedCacheOptions } from './cache.options.js';
import { RecentMap } from '../engine/recent-map.js';

/** What one call returned: a value, or all items of an Observable. */
export interface CachedResult {
  /** The last item. */
  readonly value: unknown;
  readonly items: readonly unknown[];
  /** By the monotonic clock. */
  readonly storedAt: number;
}

/** One cache: its counters since the start of the process, and a way to empty it. */
export interface CacheHandle {
  readonly name: string;
  /** Calls that a fresh result answered. */
  readonly hits: number;
  /** Calls that had to run. */
  readonly misses: number;
  /** Of the misses, calls that failed and were answered with an older result. */
  readonly stale: number;
  /** Results kept now, expired ones included until they are used or pushed out. */
  readonly size: number;
  /** Forgets every result. */
  clear(): void;
}

/** The results that all methods of one cache name share. No timer: what has expired goes when it is looked at or pushed out. */
export class CachedResults implements CacheHandle {
  hits = 0;
  misses = 0;
  stale = 0;
  private readonly results: RecentMap<CachedResult>;

  constructor(
    readonly name: string,
    public options: ResolvedCacheOptions,
  ) {
    this.results = new RecentMap(options.maxEntries);
  }

  get size(): number {
    return this.results.size;
  }

  /** Runs on every call. */
  fresh(key: string, now: number): CachedResult | undefined {
    const result = this.results.peek(key);
    if (result === undefined) return undefined;
    const ageMs = now - result.storedAt;
    if (ageMs < this.options.ttl) {
      this.hits++;
      this.results.set(key, result);
      return result;
    }
    if (ageMs >= this.options.ttl + this.options.staleIfError) this.results.delete(key);
    return undefined;
  }

  /** A result for a call that failed. Another call may have brought a fresh one meanwhile. */
  staleFor(key: string, now: number): CachedResult | undefined {
    const { ttl, staleIfError } = this.options;
    if (staleIfError === 0) return undefined;
    const result = this.results.peek(key);
    if (result === undefined || now - result.storedAt >= ttl + staleIfError) return undefined;
    this.stale++;
    this.results.set(key, result);
    return result;
  }

  keep(key: string, items: readonly unknown[], now: number): void {
    this.results.set(key, { value: items.at(-1), items, storedAt: now });
  }

  clear(): void {
    this.results.clear();
  }

  /** What is kept stays, and is measured by the new options from now on. */
  reconfigure(options: ResolvedCacheOptions): void {
    this.options = options;
    this.results.limit(options.maxEntries);
  }
}
