import { parseDuration, type Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';

/** Limits of `@Timeout`. A bare duration sets `each`. */
export interface TimeoutOptions {
  /**
   * One attempt. For a stream it is the time until the first item, unless `firstItem` is given.
   * @default 30 s
   */
  readonly each?: Duration;
  /** The whole call including retries and waits. @default none */
  readonly total?: Duration;
  /** Factor by which `each` grows per attempt: 2 gives 30, 60, 120 s. @default 1 */
  readonly growth?: number;
  /** Upper bound of a growing `each`. @default none */
  readonly max?: Duration;
  /** Streams: until the first item. @default `each` */
  readonly firstItem?: Duration;
  /** Streams: between two items. @default none */
  readonly idle?: Duration;
}

export const DEFAULT_TIMEOUT_OPTIONS = { each: 30_000, growth: 1 } as const satisfies TimeoutOptions;

/** Milliseconds; Infinity for "none". */
export interface ResolvedTimeoutOptions {
  readonly each: number;
  readonly total: number;
  readonly growth: number;
  readonly max: number;
  readonly firstItem: number | undefined;
  readonly idle: number;
}

const KNOWN = ['each', 'total', 'growth', 'max', 'firstItem', 'idle'] as const;

export function readTimeoutOptions(input: TimeoutOptions | Duration | undefined, path: string): ResolvedTimeoutOptions {
  const bare = typeof input === 'number' || typeof input === 'string';
  const reader = new OptionsReader<TimeoutOptions>(bare ? { each: input } : input, path, KNOWN);
  const resolved: ResolvedTimeoutOptions = {
    each: noneIfInfinite(reader, 'each', DEFAULT_TIMEOUT_OPTIONS.each),
    total: reader.duration('total', Infinity, { min: 1 }),
    growth: reader.number('growth', DEFAULT_TIMEOUT_OPTIONS.growth, { min: 1, max: 100 }),
    max: reader.duration('max', Infinity, { min: 1 }),
    firstItem: reader.duration('firstItem', undefined, { min: 1 }),
    idle: reader.duration('idle', Infinity, { min: 1 }),
  };
  reader.finish();
  return resolved;
}

/** `each: Infinity` is the one way to have a total limit only. */
function noneIfInfinite(reader: OptionsReader<TimeoutOptions>, name: 'each', fallback: number): number {
  return parseDuration(reader.raw(name)) === Infinity ? Infinity : reader.duration(name, fallback, { min: 1 });
}
