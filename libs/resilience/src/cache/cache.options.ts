import * as option from '../engine/option/index.js';

export const CACHE = option.options(
  {
    /** How long a result answers further calls, from the moment it came. */
    ttl: option.required(option.duration(undefined, { min: 1 })),
    /**
     * How long after that it may still answer a call that fails with an error that `staleOn` matches. 0 is off.
     * @default 0
     */
    staleIfError: option.duration(0),
    /** @default errors that are not the caller's own fault: those a circuit counts, and refusals by circuit, bulkhead or rate limit */
    staleOn: option.needs('staleIfError', option.errors()),
    key: option.key<string | undefined>(),
    /** The least recently used result is forgotten beyond this. @default 1000 */
    maxEntries: option.whole(1000, { min: 1 }),
    cacheResult: option.judge(),
    /** Methods with one name share their results. @default `Class.method` */
    name: option.text(),
  },
  { shorthand: 'ttl' },
);

/**
 * Options of `@Cache`. A bare duration sets `ttl`.
 * @typeParam R what `cacheResult` judges
 * @typeParam A what `key` takes
 */
export interface CacheOptions<R = never, A extends readonly unknown[] = never[]> extends option.OptionsOf<
  typeof CACHE.spec
> {
  /**
   * Calls with one key share a result; may be asked more than once per call. `undefined` leaves the call uncached.
   * @default made of the arguments: JSON-like values, dates, bigints; calls with anything else are not cached
   */
  readonly key?: (...args: A) => string | undefined;
  /** Whether to keep a result, or an item of an Observable. @default everything but `undefined` */
  readonly cacheResult?: (result: R) => boolean;
}

export const DEFAULT_CACHE_OPTIONS = CACHE.default;

/** Durations in milliseconds. */
export type ResolvedCacheOptions = option.ResolvedOf<typeof CACHE.spec>;

export const readCacheOptions = option.readerOf(CACHE);
