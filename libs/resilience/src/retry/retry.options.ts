import { FAILURE_REASONS, type FailureReason } from '../engine/classifier/classification.js';
import * as option from '../engine/option/index.js';
import { JITTER_NAMES } from './backoff/jitter.js';
import { BACKOFF_NAMES, type BackoffFunction } from './backoff/strategy.js';

const retries = option.whole(undefined, { min: 0 });
const BY_REASON = option.options(
  Object.fromEntries(FAILURE_REASONS.map((reason) => [reason, retries])) as Record<FailureReason, typeof retries>,
);

export const RETRY = option.options(
  {
    /** Tries after the first call: 3 means at most 4 calls. @default 3 */
    maxRetries: option.whole(3, { min: 0 }),
    /** Delay schedule, or `(retry, error) => Duration | false` with `retry` from 1. @default 'exponential' */
    strategy: option.either(option.oneOf('exponential', BACKOFF_NAMES), option.fn<BackoffFunction>()),
    /** @default 500 ms */
    baseDelay: option.duration(500),
    /** Of the exponential strategy. @default 2 */
    multiplier: option.number(2, { min: 1, max: 1000 }),
    /** Cap of a computed delay; jitter is drawn from what it leaves, a number as `jitter` adds before it. @default 30 s */
    maxDelay: option.duration(30_000),
    /** @default 'full' */
    jitter: option.either(option.oneOf('full', JITTER_NAMES), option.number(0, { min: 0, max: 10 })),
    /** Errors to retry. @default what `classifyError` calls retryable */
    retryOn: option.errors(),
    /** Errors never to retry; beats `retryOn`. */
    abortOn: option.errors(),
    retryOnResult: option.judge(),
    /** Throws a `ResultRejectedError` when retries run out on a result, so that fallbacks and dead letters get to see it. @default false */
    throwOnExhaustedResult: option.needs('retryOnResult', option.flag(false)),
    /** No retry starts that could not begin before this much time has passed since the first attempt. @default none */
    maxElapsed: option.duration(),
    /**
     * In place of `maxRetries` for failures of a reason, `{ timeout: 0, overloaded: 5 }`; of all tries of the call. 1 or more also retries
     * what is not retried by default.
     */
    byReason: option.orNone(BY_REASON),
    /** Whether a server's own hint replaces the computed delay. @default true */
    honorRetryAfter: option.flag(true),
    /** A hint above this means: give up now. @default 60 s */
    retryAfterCap: option.duration(60_000),
    /**
     * Retries in flight under one policy name may not exceed `max(min, ratio * calls in flight)`; `false` switches it off.
     * @default { ratio: 0.2, min: 3 }, as Envoy's `retry_budget`
     */
    budget: option.orFalse(
      option.options({
        /** @default 0.2 */
        ratio: option.number(0.2, { min: 0, max: 1 }),
        /** @default 3 */
        min: option.whole(3, { min: 0 }),
      }),
    ),
  },
  { shorthand: 'maxRetries' },
);

/**
 * Options of `@Retry`. A bare number sets `maxRetries`.
 * @typeParam R what `retryOnResult` judges
 */
export interface RetryOptions<R = never> extends option.OptionsOf<typeof RETRY.spec> {
  /** A returned value that counts as a failed attempt. When retries run out it is returned, unless `throwOnExhaustedResult` says otherwise. */
  readonly retryOnResult?: (result: R) => boolean;
}

export type RetryBudgetOptions = Exclude<RetryOptions['budget'], false | undefined>;

export const DEFAULT_RETRY_OPTIONS = RETRY.default;

/** Durations in milliseconds. */
export type ResolvedRetryOptions = option.ResolvedOf<typeof RETRY.spec>;

export const readRetryOptions = option.readerOf(RETRY);
