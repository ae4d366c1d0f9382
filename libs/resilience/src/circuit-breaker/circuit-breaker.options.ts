import { nearest } from '../engine/did-you-mean.js';
import { type Duration, parseDuration } from '../engine/duration.js';
import * as option from '../engine/option/index.js';
import { oneOfText } from '../engine/options.js';

export type WindowOptions =
  | { readonly type: 'count'; readonly size?: number }
  | { readonly type: 'time'; readonly duration: Duration }
  | { readonly type: 'consecutive' };

/** What a circuit opens for, and how often it has since it was last closed, from 1. */
export type RecoveryFunction = (timesOpened: number, cause: RecoveryCause) => Duration | undefined;

export interface RecoveryCause {
  /** Of the call that opened it; `undefined` where a result was the failure, or a probe never ended. */
  readonly error: unknown;
  /** Of the window, 0..1. */
  readonly failureRate: number;
  /** What the server asked for, e.g. by `Retry-After`; milliseconds. */
  readonly retryAfterMs: number | undefined;
}

const COUNT = { type: 'count', size: 20 } as const;

const WINDOWS = {
  count: option.options({
    type: option.oneOf('count', ['count']),
    size: option.whole(COUNT.size, { min: 1, max: 100_000 }),
  }),
  time: option.map(
    option.options({
      type: option.oneOf('time', ['time']),
      duration: option.required(option.duration(undefined, { min: 10 })),
    }),
    ({ type, duration }) => ({ type, durationMs: duration }),
  ),
  consecutive: option.options({ type: option.oneOf('consecutive', ['consecutive']) }),
};

export type ResolvedWindow = option.OutOf<(typeof WINDOWS)[keyof typeof WINDOWS]>;

const NO_RATES = "nothing beside the consecutive window: set window to { type: 'count' } or { type: 'time' }";

export const CIRCUIT_BREAKER = option.options(
  {
    /** Breakers with one name share one state. @default `Class.method` */
    name: option.text(),
    /**
     * Which outcomes are judged. `'consecutive'`, a number (count) and a duration string (time) are shorthands.
     * @default { type: 'count', size: 20 }, or consecutive when only `failureThreshold` is given
     */
    window: option.custom<
      WindowOptions | 'consecutive' | 'count' | number | (string & {}),
      ResolvedWindow,
      typeof COUNT
    >(readWindow, {
      ...{ fallback: COUNT, default: COUNT },
      schema: { anyOf: [{ type: ['string', 'number'] }, ...Object.values(WINDOWS).map(({ schema }) => schema)] },
    }),
    /** Of the consecutive window: failures in a row. @default 5 */
    failureThreshold: option.whole(5, { min: 1 }),
    /** Opens when this share of the window failed, 0..1. @default 0.5 */
    failureRate: option.number(0.5, { above: 0, max: 1 }),
    /** Below this many results the rates are not judged; clipped to the size of a count window. @default 5 */
    minimumCalls: option.whole(5, { min: 1 }),
    /** A call slower than this is slow. @default none */
    slowCallDuration: option.duration(Infinity),
    /** Opens when this share of the window was slow. @default 1 */
    slowCallRate: option.number(1, { above: 0, max: 1 }),
    /**
     * OPEN to HALF_OPEN; a function of how often it opened since it was last closed (from 1) makes it grow. It is given what opened the
     * circuit too, a server's own hint among it; `undefined` means the default. @default 60 s
     */
    recoveryTimeout: option.either(option.duration(60_000), option.fn<RecoveryFunction>()),
    /** Where a new or reset circuit begins: `'metrics_only'` records and tells when it would open, and never opens. @default 'closed' */
    initialState: option.oneOf('closed', ['closed', 'metrics_only']),
    /** Probes admitted at once in HALF_OPEN; other calls are rejected, never queued. @default 1 */
    halfOpenCalls: option.whole(1, { min: 1 }),
    /** Judges `halfOpenCalls` probes together: re-opens when this share of them failed, else closes. @default none: any failure re-opens */
    halfOpenFailureRate: option.number(undefined, { above: 0, max: 1 }),
    /** Probe successes needed to close; any probe failure re-opens. @default 1 */
    successThreshold: option.whole(1, { min: 1 }),
    /** A probe without an end by then counts as failed. @default 60 s */
    halfOpenTimeout: option.duration(60_000, { min: 1 }),
    /**
     * After the probes, state `recovering` for so long: admits 10 % of the calls, then more and more of them up to all, and opens as if it
     * were closed. @default none: all at once
     */
    rampUp: option.duration(),
    /** Errors that count. @default what `classifyError` says counts */
    recordOn: option.errors(),
    /** Errors that release the permit and change nothing; beats `recordOn`. */
    ignoreOn: option.errors(),
    recordResult: option.judge(),
    key: option.key<string>(),
    /** The least recently used key is forgotten beyond this. @default 10000 */
    maxKeys: option.needs('key', option.whole(10_000, { min: 1 })),
  },
  {
    infer: (given) =>
      given.failureThreshold === undefined || given.window !== undefined ? given : { ...given, window: 'consecutive' },
    check: ({ given, at, resolved: { window } }) => {
      const [useless, why] =
        window.type === 'consecutive'
          ? ([['failureRate', 'minimumCalls', 'slowCallDuration', 'slowCallRate'], NO_RATES] as const)
          : ([
              ['failureThreshold'],
              `nothing beside a ${window.type} window: use failureRate and minimumCalls`,
            ] as const);
      for (const name of useless) if (given[name] !== undefined) at.at(name).refuse(given[name], why);
      if (given.halfOpenFailureRate !== undefined && given.successThreshold !== undefined)
        at.at('successThreshold').refuse(given.successThreshold, 'nothing beside halfOpenFailureRate, which says it');
    },
  },
);

/**
 * Options of `@CircuitBreaker`.
 * @typeParam R what `recordResult` judges
 * @typeParam A what `key` takes
 */
export interface CircuitBreakerOptions<R = never, A extends readonly unknown[] = never[]> extends option.OptionsOf<
  typeof CIRCUIT_BREAKER.spec
> {
  /** A returned value that counts as failure. */
  readonly recordResult?: (result: R) => boolean;
  /** One breaker per key under this name: tenant, model, region. */
  readonly key?: (...args: A) => string;
}

export const DEFAULT_CIRCUIT_BREAKER_OPTIONS = CIRCUIT_BREAKER.default;

/** Durations in milliseconds. */
export type ResolvedCircuitBreakerOptions = option.ResolvedOf<typeof CIRCUIT_BREAKER.spec>;

export const readCircuitBreakerOptions = option.readerOf(CIRCUIT_BREAKER);

function readWindow(value: unknown, at: option.Place): ResolvedWindow | undefined {
  const long = longForm(value);
  if (long === undefined) {
    const names =
      typeof value === 'string'
        ? `${oneOfText(['count', 'consecutive'], value)}, or a duration such as '30s'`
        : undefined;
    return at.refuse(value, names ?? "{ type: 'count' | 'time' | 'consecutive' } or a shorthand");
  }
  const { type } = long as { type?: unknown };
  if (typeof type === 'string' && Object.hasOwn(WINDOWS, type))
    return WINDOWS[type as keyof typeof WINDOWS].read(long, at);
  return at.at('type').refuse(type, oneOfText(Object.keys(WINDOWS), type));
}

function longForm(value: unknown): object | undefined {
  if (typeof value === 'number') return { type: 'count', size: value };
  if (value === 'consecutive' || value === 'count') return { type: value };
  if (typeof value !== 'string') return typeof value === 'object' && value !== null ? value : undefined;
  const meantAsTime = parseDuration(value) !== undefined || nearest(value, ['count', 'consecutive']) === undefined;
  return meantAsTime ? { type: 'time', duration: value } : undefined;
}
