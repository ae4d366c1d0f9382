import type { Duration } from '../engine/duration.js';
import type { Matcher } from '../engine/matcher.js';
import { OptionsReader } from '../engine/options.js';
import { BACKOFF_NAMES, type BackoffFunction, type BackoffName } from './backoff/strategy.js';
import { type Jitter, JITTER_NAMES } from './backoff/jitter.js';

/**
 * Options of `@Retry`. A bare number sets `maxRetries`.
 * @typeParam R what `retryOnResult` judges
 */
export interface RetryOptions<R = never> {
  /** Tries after the first call: 3 means at most 4 calls. @default 3 */
  readonly maxRetries?: number;
  /** Delay schedule, or `(retry, error) => Duration | false` with `retry` from 1. @default 'exponential' */
  readonly strategy?: BackoffName | BackoffFunction;
  /** @default 500 ms */
  readonly baseDelay?: Duration;
  /** Of the exponential strategy. @default 2 */
  readonly multiplier?: number;
  /** Cap of a computed delay; jitter is drawn from what it leaves, a number as `jitter` adds before it. @default 30 s */
  readonly maxDelay?: Duration;
  /** @default 'full' */
  readonly jitter?: Jitter;
  /** Errors to retry. @default what `classifyError` calls retryable */
  readonly retryOn?: Matcher;
  /** Errors never to retry; beats `retryOn`. */
  readonly abortOn?: Matcher;
  /** A returned value that counts as a failed attempt. When retries run out it is returned, not thrown. */
  readonly retryOnResult?: (result: R) => boolean;
  /** No retry starts that could not begin before this much time has passed since the first attempt. @default none */
  readonly maxElapsed?: Duration;
  /** Whether a server's own hint replaces the computed delay. @default true */
  readonly honorRetryAfter?: boolean;
  /** A hint above this means: give up now. @default 60 s */
  readonly retryAfterCap?: Duration;
  /**
   * Retries in flight under one policy name may not exceed `max(min, ratio * calls in flight)`; `false` switches it off.
   * @default { ratio: 0.2, min: 3 }
   */
  readonly budget?: RetryBudgetOptions | false;
}

export interface RetryBudgetOptions {
  /** @default 0.2 */
  readonly ratio?: number;
  /** @default 3 */
  readonly min?: number;
}

/** Budget numbers: Envoy's `retry_budget` (20 %, 3). */
export const DEFAULT_RETRY_OPTIONS = {
  maxRetries: 3,
  strategy: 'exponential',
  baseDelay: 500,
  multiplier: 2,
  maxDelay: 30_000,
  jitter: 'full',
  honorRetryAfter: true,
  retryAfterCap: 60_000,
  budget: { ratio: 0.2, min: 3 },
} as const satisfies RetryOptions;

/** Durations in milliseconds. */
export interface ResolvedRetryOptions {
  readonly maxRetries: number;
  readonly strategy: BackoffName | BackoffFunction;
  readonly baseDelay: number;
  readonly multiplier: number;
  readonly maxDelay: number;
  readonly jitter: Jitter;
  readonly retryOn: Matcher | undefined;
  readonly abortOn: Matcher | undefined;
  readonly retryOnResult: ((result: unknown) => boolean) | undefined;
  readonly maxElapsed: number | undefined;
  readonly honorRetryAfter: boolean;
  readonly retryAfterCap: number;
  readonly budget: { readonly ratio: number; readonly min: number } | undefined;
}

const KNOWN = [
  'maxRetries',
  'strategy',
  'baseDelay',
  'multiplier',
  'maxDelay',
  'jitter',
  'retryOn',
  'abortOn',
  'retryOnResult',
  'maxElapsed',
  'honorRetryAfter',
  'retryAfterCap',
  'budget',
] as const;

export function readRetryOptions(input: RetryOptions | number | undefined, path: string): ResolvedRetryOptions {
  const reader = new OptionsReader<RetryOptions>(
    typeof input === 'number' ? { maxRetries: input } : input,
    path,
    KNOWN,
  );
  const defaults = DEFAULT_RETRY_OPTIONS;
  const resolved: ResolvedRetryOptions = {
    maxRetries: reader.number('maxRetries', defaults.maxRetries, { min: 0, integer: true }),
    strategy: readStrategy(reader),
    baseDelay: reader.duration('baseDelay', defaults.baseDelay),
    multiplier: reader.number('multiplier', defaults.multiplier, { min: 1, max: 1000 }),
    maxDelay: reader.duration('maxDelay', defaults.maxDelay),
    jitter: readJitter(reader),
    retryOn: reader.matcher('retryOn'),
    abortOn: reader.matcher('abortOn'),
    retryOnResult: reader.function<(result: unknown) => boolean>('retryOnResult'),
    maxElapsed: reader.duration('maxElapsed', undefined),
    honorRetryAfter: reader.boolean('honorRetryAfter', defaults.honorRetryAfter),
    retryAfterCap: reader.duration('retryAfterCap', defaults.retryAfterCap),
    budget: readBudget(reader),
  };
  reader.finish();
  return resolved;
}

function readStrategy(reader: OptionsReader<RetryOptions>): BackoffName | BackoffFunction {
  const fallback = DEFAULT_RETRY_OPTIONS.strategy;
  if (typeof reader.raw('strategy') === 'function') return reader.function<BackoffFunction>('strategy') ?? fallback;
  return reader.oneOf('strategy', fallback, BACKOFF_NAMES);
}

function readJitter(reader: OptionsReader<RetryOptions>): Jitter {
  return typeof reader.raw('jitter') === 'number'
    ? reader.number('jitter', 0, { min: 0, max: 10 })
    : reader.oneOf('jitter', DEFAULT_RETRY_OPTIONS.jitter, JITTER_NAMES);
}

function readBudget(reader: OptionsReader<RetryOptions>): ResolvedRetryOptions['budget'] {
  const value = reader.raw('budget');
  const defaults = DEFAULT_RETRY_OPTIONS.budget;
  if (value === false) return undefined;
  if (value === undefined) return defaults;
  const nested = new OptionsReader<RetryBudgetOptions>(value as RetryBudgetOptions, `${reader.path} > budget`, [
    'ratio',
    'min',
  ]);
  const budget = {
    ratio: nested.number('ratio', defaults.ratio, { min: 0, max: 1 }),
    min: nested.number('min', defaults.min, { min: 0, integer: true }),
  };
  reader.absorb(nested);
  return budget;
}
