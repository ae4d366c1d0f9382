import { parseDuration, type Duration } from '../engine/duration.js';
import type { Matcher } from '../engine/matcher.js';
import { nearest } from '../engine/did-you-mean.js';
import { oneOfText, OptionsReader } from '../engine/options.js';

export type WindowOptions =
  | { readonly type: 'count'; readonly size?: number }
  | { readonly type: 'time'; readonly duration: Duration }
  | { readonly type: 'consecutive' };

/**
 * Options of `@CircuitBreaker`.
 * @typeParam R what `recordResult` judges
 * @typeParam A what `key` takes
 */
export interface CircuitBreakerOptions<R = never, A extends readonly unknown[] = never[]> {
  /** Breakers with one name share one state. @default `Class.method` */
  readonly name?: string;
  /**
   * Which outcomes are judged. `'consecutive'`, a number (count) and a duration string (time) are shorthands.
   * @default { type: 'count', size: 20 }, or consecutive when only `failureThreshold` is given
   */
  readonly window?: WindowOptions | 'consecutive' | 'count' | number | (string & {});
  /** Of the consecutive window: failures in a row. @default 5 */
  readonly failureThreshold?: number;
  /** Opens when this share of the window failed, 0..1. @default 0.5 */
  readonly failureRate?: number;
  /** Below this many results the rates are not judged; clipped to the size of a count window. @default 5 */
  readonly minimumCalls?: number;
  /** A call slower than this is slow. @default none */
  readonly slowCallDuration?: Duration;
  /** Opens when this share of the window was slow. @default 1 */
  readonly slowCallRate?: number;
  /** OPEN to HALF_OPEN; a function of how often it opened since it was last closed (from 1) makes it grow. @default 60 s */
  readonly recoveryTimeout?: Duration | ((timesOpened: number) => Duration);
  /** Probes admitted at once in HALF_OPEN; other calls are rejected, never queued. @default 1 */
  readonly halfOpenCalls?: number;
  /** Probe successes needed to close; any probe failure re-opens. @default 1 */
  readonly successThreshold?: number;
  /** A probe without an end by then counts as failed. @default 60 s */
  readonly halfOpenTimeout?: Duration;
  /** Errors that count. @default what `classifyError` says counts */
  readonly recordOn?: Matcher;
  /** Errors that release the permit and change nothing; beats `recordOn`. */
  readonly ignoreOn?: Matcher;
  /** A returned value that counts as failure. */
  readonly recordResult?: (result: R) => boolean;
  /** One breaker per key under this name: tenant, model, region. */
  readonly key?: (...args: A) => string;
  /** The least recently used key is forgotten beyond this. @default 10000 */
  readonly maxKeys?: number;
}

export const DEFAULT_CIRCUIT_BREAKER_OPTIONS = {
  window: { type: 'count', size: 20 },
  failureThreshold: 5,
  failureRate: 0.5,
  minimumCalls: 5,
  slowCallRate: 1,
  recoveryTimeout: 60_000,
  halfOpenCalls: 1,
  successThreshold: 1,
  halfOpenTimeout: 60_000,
  maxKeys: 10_000,
} as const satisfies CircuitBreakerOptions;

export type ResolvedWindow =
  | { readonly type: 'count'; readonly size: number }
  | { readonly type: 'time'; readonly durationMs: number }
  | { readonly type: 'consecutive' };

/** Durations in milliseconds. */
export interface ResolvedCircuitBreakerOptions {
  readonly name: string | undefined;
  readonly window: ResolvedWindow;
  readonly failureThreshold: number;
  readonly failureRate: number;
  readonly minimumCalls: number;
  readonly slowCallDuration: number;
  readonly slowCallRate: number;
  readonly recoveryTimeout: number | ((timesOpened: number) => Duration);
  readonly halfOpenCalls: number;
  readonly successThreshold: number;
  readonly halfOpenTimeout: number;
  readonly recordOn: Matcher | undefined;
  readonly ignoreOn: Matcher | undefined;
  readonly recordResult: ((result: unknown) => boolean) | undefined;
  readonly key: ((...args: readonly unknown[]) => string) | undefined;
  readonly maxKeys: number;
}

type Reader = OptionsReader<CircuitBreakerOptions>;

const KNOWN = [
  'name',
  'window',
  'failureThreshold',
  'failureRate',
  'minimumCalls',
  'slowCallDuration',
  'slowCallRate',
  'recoveryTimeout',
  'halfOpenCalls',
  'successThreshold',
  'halfOpenTimeout',
  'recordOn',
  'ignoreOn',
  'recordResult',
  'key',
  'maxKeys',
] as const;

export function readCircuitBreakerOptions(
  input: CircuitBreakerOptions | undefined,
  path: string,
): ResolvedCircuitBreakerOptions {
  const reader: Reader = new OptionsReader(input, path, KNOWN);
  const defaults = DEFAULT_CIRCUIT_BREAKER_OPTIONS;
  const resolved: ResolvedCircuitBreakerOptions = {
    name: reader.string('name', undefined),
    window: readWindow(reader),
    failureThreshold: reader.number('failureThreshold', defaults.failureThreshold, { min: 1, integer: true }),
    failureRate: readRate(reader, 'failureRate', defaults.failureRate),
    minimumCalls: reader.number('minimumCalls', defaults.minimumCalls, { min: 1, integer: true }),
    slowCallDuration: reader.duration('slowCallDuration', Infinity),
    slowCallRate: readRate(reader, 'slowCallRate', defaults.slowCallRate),
    recoveryTimeout:
      typeof reader.raw('recoveryTimeout') === 'function'
        ? (reader.function<(timesOpened: number) => Duration>('recoveryTimeout') ?? defaults.recoveryTimeout)
        : reader.duration('recoveryTimeout', defaults.recoveryTimeout),
    halfOpenCalls: reader.number('halfOpenCalls', defaults.halfOpenCalls, { min: 1, integer: true }),
    successThreshold: reader.number('successThreshold', defaults.successThreshold, { min: 1, integer: true }),
    halfOpenTimeout: reader.duration('halfOpenTimeout', defaults.halfOpenTimeout, { min: 1 }),
    recordOn: reader.matcher('recordOn'),
    ignoreOn: reader.matcher('ignoreOn'),
    recordResult: reader.function<(result: unknown) => boolean>('recordResult'),
    key: reader.function<(...args: readonly unknown[]) => string>('key'),
    maxKeys: reader.number('maxKeys', defaults.maxKeys, { min: 1, integer: true }),
  };
  refuseContradictions(reader, resolved);
  reader.finish();
  return resolved;
}

function readRate(reader: Reader, name: 'failureRate' | 'slowCallRate', fallback: number): number {
  const rate = reader.number(name, fallback, { min: 0, max: 1 });
  if (rate > 0) return rate;
  reader.problem(name, rate, 'a ratio above 0 and up to 1');
  return fallback;
}

function readWindow(reader: Reader): ResolvedWindow {
  const value = reader.raw('window');
  const fallback = DEFAULT_CIRCUIT_BREAKER_OPTIONS.window;
  if (value === undefined) return reader.raw('failureThreshold') === undefined ? fallback : { type: 'consecutive' };
  if (value === 'consecutive') return { type: 'consecutive' };
  if (value === 'count') return fallback;
  if (typeof value === 'number') return readCount(reader, value);
  if (typeof value === 'string') return readTextWindow(reader, value);
  if (typeof value !== 'object' || value === null) {
    reader.problem('window', value, "{ type: 'count' | 'time' | 'consecutive' } or a shorthand");
    return fallback;
  }
  const path = `${reader.path} > window`;
  const nested = new OptionsReader<{ type?: string; size?: number; duration?: Duration }>(value, path, [
    'type',
    'size',
    'duration',
  ]);
  const type = nested.raw('type');
  for (const name of ['size', 'duration'] as const) {
    const given = nested.raw(name);
    if (given !== undefined && typeof type === 'string' && type in PART_OF && PART_OF[type] !== name)
      nested.problem(name, given, `nothing beside the ${type} window`);
  }
  reader.absorb(nested);
  if (type === 'consecutive') return { type };
  if (type === 'count') return readCount(reader, nested.raw('size') ?? fallback.size);
  if (type === 'time') return readTime(reader, nested.raw('duration'));
  reader.problem('window > type', type, oneOfText(['count', 'time', 'consecutive'], type));
  return fallback;
}

/** What a kind of window is measured in. */
const PART_OF: Readonly<Record<string, 'size' | 'duration' | undefined>> = {
  count: 'size',
  time: 'duration',
  consecutive: undefined,
};

function readTextWindow(reader: Reader, value: string): ResolvedWindow {
  if (parseDuration(value) !== undefined || nearest(value, ['count', 'consecutive']) === undefined)
    return readTime(reader, value);
  reader.problem('window', value, `${oneOfText(['count', 'consecutive'], value)}, or a duration such as '30s'`);
  return DEFAULT_CIRCUIT_BREAKER_OPTIONS.window;
}

function readCount(reader: Reader, size: unknown): ResolvedWindow {
  if (typeof size === 'number' && Number.isInteger(size) && size >= 1 && size <= 100_000)
    return { type: 'count', size };
  reader.problem('window > size', size, 'a whole number from 1 to 100000');
  return DEFAULT_CIRCUIT_BREAKER_OPTIONS.window;
}

function readTime(reader: Reader, duration: unknown): ResolvedWindow {
  const durationMs = parseDuration(duration);
  if (durationMs !== undefined && durationMs >= 10 && Number.isFinite(durationMs)) return { type: 'time', durationMs };
  reader.problem('window > duration', duration, "a duration >= 10 ms such as '30s'");
  return DEFAULT_CIRCUIT_BREAKER_OPTIONS.window;
}

/** Options that would silently do nothing. */
function refuseContradictions(reader: Reader, { window }: ResolvedCircuitBreakerOptions): void {
  if (window.type === 'consecutive') {
    for (const name of ['failureRate', 'minimumCalls', 'slowCallDuration', 'slowCallRate'] as const) {
      if (reader.raw(name) === undefined) continue;
      reader.problem(
        name,
        reader.raw(name),
        "nothing beside the consecutive window: set window to { type: 'count' } or { type: 'time' }",
      );
    }
  } else if (reader.raw('failureThreshold') !== undefined) {
    const value = reader.raw('failureThreshold');
    reader.problem(
      'failureThreshold',
      value,
      `nothing beside a ${window.type} window: use failureRate and minimumCalls`,
    );
  }
  if (reader.raw('maxKeys') !== undefined && reader.raw('key') === undefined) {
    reader.problem('maxKeys', reader.raw('maxKeys'), 'nothing without key');
  }
}
