import * as option from '../engine/option/index.js';

export const RATE_LIMIT = option.options({
  /** Policies with one name draw from the same buckets. @default `Class.method` */
  name: option.text(),
  /** Tokens per interval, and the most that can be drawn at once. */
  limit: option.required(option.whole(undefined, { min: 1 }), 'how many tokens per interval, such as 100'),
  interval: option.required(option.duration(undefined, { min: 1 }), "the interval of limit, such as '1s' or '1m'"),
  /** How long an attempt may wait in line for its tokens; who would have to wait longer is refused at once. @default 0 */
  maxWait: option.duration(0),
  cost: option.fn<(...args: never) => number, (...args: readonly unknown[]) => number>(),
  key: option.key<string>(),
  /** Errors that say that the other side has counted more: the bucket is emptied, for as long as the server asks. @default none */
  drainOn: option.errors(),
  /** Buckets kept with `key`; the least recently used is forgotten. @default 10_000 */
  maxKeys: option.needs('key', option.whole(10_000, { min: 1 })),
});

/**
 * Options of `@RateLimit`: `limit` tokens flow in per `interval`, evenly; a bucket holds `limit` of them and starts full.
 * @typeParam K what `key` takes
 * @typeParam C what `cost` takes
 */
export interface RateLimitOptions<
  K extends readonly unknown[] = never[],
  C extends readonly unknown[] = never[],
> extends option.OptionsOf<typeof RATE_LIMIT.spec> {
  /** Tokens that an attempt needs, from the call's arguments: 0 or more, fractions too. @default 1 */
  readonly cost?: (...args: C) => number;
  /** One bucket per key (tenant, model, region), from the call's arguments. @default one for all calls */
  readonly key?: (...args: K) => string;
}

export const DEFAULT_RATE_LIMIT_OPTIONS = RATE_LIMIT.default;

/** Durations in milliseconds. */
export type ResolvedRateLimitOptions = option.ResolvedOf<typeof RATE_LIMIT.spec>;

export const readRateLimitOptions = option.readerOf(RATE_LIMIT);
