import type { KeyFunction } from '../engine/argument-key.js';
import type { Duration } from '../engine/duration.js';
import type { Matcher } from '../engine/matcher.js';
import { OptionsReader } from '../engine/options.js';

/**
 * Options of `@Cache`. A bare duration sets `ttl`.
 * @typeParam R what `cacheResult` judges
 * @typeParam A what `key` takes
 */
export interface CacheOptions<R = never, A extends readonly unknown[] = never[]> {
  /** How long a result answers further calls, from the moment it came. */
  readonly ttl: Duration;
  /**
   * How long after that it may still answer a call that fails with an error that `staleOn` matches. 0 is off.
   * @default 0
   */
  readonly staleIfError?: Duration;
  /** @default errors that are not the caller's own fault: those a circuit counts, and refusals by circuit, bulkhead or rate limit */
  readonly staleOn?: Matcher;
  /**
   * Calls with one key share a result; may be asked more than once per call. `undefined` leaves the call uncached.
   * @default made of the arguments: JSON-like values, dates, bigints; calls with anything else are not cached
   */
  readonly key?: (...args: A) => string | undefined;
  /** The least recently used result is forgotten beyond this. @default 1000 */
  readonly maxEntries?: number;
  /** Whether to keep a result, or an item of an Observable. @default everything but `undefined` */
  readonly cacheResult?: (result: R) => boolean;
  /** Methods with one name share their results. @default `Class.method` */
  readonly name?: string;
}

export const DEFAULT_CACHE_OPTIONS = { staleIfError: 0, maxEntries: 1000 } as const satisfies Partial<CacheOptions>;

/** Durations in milliseconds. */
export interface ResolvedCacheOptions {
  readonly name: string | undefined;
  readonly ttl: number;
  readonly staleIfError: number;
  readonly staleOn: Matcher | undefined;
  readonly key: KeyFunction | undefined;
  readonly maxEntries: number;
  readonly cacheResult: ((result: unknown) => boolean) | undefined;
}

const KNOWN = ['ttl', 'staleIfError', 'staleOn', 'key', 'maxEntries', 'cacheResult', 'name'] as const;

export function readCacheOptions(input: CacheOptions | Duration | undefined, path: string): ResolvedCacheOptions {
  const options = typeof input === 'number' || typeof input === 'string' ? { ttl: input } : input;
  const reader = new OptionsReader<CacheOptions>(options, path, KNOWN);
  const isObject = typeof options === 'object' && options !== null && !Array.isArray(options);
  if ((isObject || options === undefined) && reader.raw('ttl') === undefined)
    reader.problem('ttl', undefined, "a duration >= 1 such as 500 (milliseconds) or '30s'");
  const resolved: ResolvedCacheOptions = {
    name: reader.string('name', undefined),
    ttl: reader.duration('ttl', 0, { min: 1 }),
    staleIfError: reader.duration('staleIfError', DEFAULT_CACHE_OPTIONS.staleIfError),
    staleOn: readStaleOn(reader),
    key: reader.function<KeyFunction>('key'),
    maxEntries: reader.number('maxEntries', DEFAULT_CACHE_OPTIONS.maxEntries, { min: 1, integer: true }),
    cacheResult: reader.function<(result: unknown) => boolean>('cacheResult'),
  };
  reader.finish();
  return resolved;
}

function readStaleOn(reader: OptionsReader<CacheOptions>): Matcher | undefined {
  const value = reader.raw('staleOn');
  if (value === undefined) return undefined;
  if (reader.raw('staleIfError') !== undefined) return reader.matcher('staleOn');
  reader.problem('staleOn', value, 'nothing without staleIfError');
  return undefined;
}
