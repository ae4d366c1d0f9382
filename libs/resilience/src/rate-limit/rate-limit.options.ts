import type { Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';

/**
 * Options of `@RateLimit`: `limit` tokens flow in per `interval`, evenly; a bucket holds `limit` of them and starts full.
 * @typeParam K what `key` takes
 * @typeParam C what `cost` takes
 */
export interface RateLimitOptions<K extends readonly unknown[] = never[], C extends readonly unknown[] = never[]> {
  /** Policies with one name draw from the same buckets. @default `Class.method` */
  readonly name?: string;
  /** Tokens per interval, and the most that can be drawn at once. */
  readonly limit: number;
  readonly interval: Duration;
  /** How long an attempt may wait in line for its tokens; who would have to wait longer is refused at once. @default 0 */
  readonly maxWait?: Duration;
  /** Tokens that an attempt needs, from the call's arguments: 0 or more, fractions too. @default 1 */
  readonly cost?: (...args: C) => number;
  /** One bucket per key (tenant, model, region), from the call's arguments. @default one for all calls */
  readonly key?: (...args: K) => string;
  /** Buckets kept with `key`; the least recently used is forgotten. @default 10_000 */
  readonly maxKeys?: number;
}

export const DEFAULT_RATE_LIMIT_OPTIONS = { maxWait: 0, maxKeys: 10_000 } as const satisfies Partial<RateLimitOptions>;

/** Durations in milliseconds. */
export interface ResolvedRateLimitOptions {
  readonly name: string | undefined;
  readonly limit: number;
  readonly interval: number;
  readonly maxWait: number;
  readonly cost: ((...args: readonly unknown[]) => number) | undefined;
  readonly key: ((...args: readonly unknown[]) => string) | undefined;
  readonly maxKeys: number;
}

const KNOWN = ['name', 'limit', 'interval', 'maxWait', 'cost', 'key', 'maxKeys'] as const;

export function readRateLimitOptions(input: RateLimitOptions | undefined, path: string): ResolvedRateLimitOptions {
  const reader = new OptionsReader<RateLimitOptions>(input, path, KNOWN);
  const { maxWait, maxKeys } = DEFAULT_RATE_LIMIT_OPTIONS;
  const resolved: ResolvedRateLimitOptions = {
    name: reader.string('name', undefined),
    limit: reader.number('limit', 0, { min: 1, integer: true }),
    interval: reader.duration('interval', 0, { min: 1 }),
    maxWait: reader.duration('maxWait', maxWait),
    cost: reader.function<(...args: readonly unknown[]) => number>('cost'),
    key: reader.function<(...args: readonly unknown[]) => string>('key'),
    maxKeys: reader.number('maxKeys', maxKeys, { min: 1, integer: true }),
  };
  if (input === undefined || isOptions(input)) refuseMissing(reader);
  reader.finish();
  return resolved;
}

/** Anything else is refused as a whole already. */
function isOptions(input: unknown): boolean {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

function refuseMissing(reader: OptionsReader<RateLimitOptions>): void {
  if (reader.raw('limit') === undefined)
    reader.problem('limit', undefined, 'how many tokens per interval, such as 100');
  if (reader.raw('interval') === undefined)
    reader.problem('interval', undefined, "the interval of limit, such as '1s' or '1m'");
  if (reader.raw('maxKeys') !== undefined && reader.raw('key') === undefined)
    reader.problem('maxKeys', reader.raw('maxKeys'), 'nothing without key');
}
