import {
  type Clock,
  type Matcher,
  type Policy,
  type PolicyOptions,
  type Random,
  ResilienceError,
} from '@nest-resilience/core';
import { LlmAnswerTooLargeError, LlmRateLimitError, LlmStreamInterruptedError } from '../llm.errors.js';
import { circuitNameOf, type ResolvedTarget } from '../options/resolved-options.js';
import type { LlmProvider } from '../providers/provider.js';
import { Cooldown } from './cooldown.js';
import { TokenLimit } from './token-limit.js';

/** A model of a provider, ready to be asked: its wire, its policies, its own limits. */
export interface LlmTarget {
  readonly options: ResolvedTarget;
  readonly provider: LlmProvider;
  /** Retry, circuit, requests per minute and timeout of whole answers. */
  readonly policy: Policy;
  /**
   * Of streams: the same requests per minute, and the same circuit, which holds its permit until the stream has ended; the stream itself keeps its times,
   * because they are other ones (first token, gap) than an answer's.
   */
  readonly streamPolicy: Policy;
  readonly tokens: TokenLimit;
  readonly cooldown: Cooldown;
}

export interface TimeAndChance {
  readonly clock: Clock;
  readonly random: Random;
}

export function createTarget(
  options: ResolvedTarget,
  provider: LlmProvider,
  createPolicy: (options: PolicyOptions) => Policy,
  { clock, random }: TimeAndChance,
): LlmTarget {
  const name = circuitNameOf(options);
  const { each, growth, max, total } = options.timeouts;
  const circuitBreaker = { ...options.circuitBreaker, name };
  const { requestsPerMinute, tokensPerMinute } = options.limits ?? {};
  // One name, so whole answers and streams draw from one bucket.
  const rateLimit = requestsPerMinute !== undefined && { name, limit: requestsPerMinute, interval: 60_000 };
  const retry = options.retry && { ...options.retry, abortOn: nobodyAskedAgain(options.retry.abortOn) };
  return {
    options,
    provider,
    tokens: new TokenLimit(tokensPerMinute, clock),
    cooldown: new Cooldown(clock, random),
    policy: createPolicy({
      name,
      circuitBreaker,
      rateLimit,
      retry,
      timeout: { each, growth, ...(max !== undefined && { max }), ...(total !== undefined && { total }) },
    }),
    streamPolicy: createPolicy({ name, circuitBreaker, rateLimit, retry }),
  };
}

/** @throws LlmRateLimitError when the target's token limit has no room for one more request */
export function refuseWithoutRoom({ tokens, options: { name, model } }: LlmTarget, estimatedTokens: number): void {
  const waitMs = tokens.waitMs(estimatedTokens);
  if (waitMs > 0) throw new LlmRateLimitError(name, model, waitMs);
}

/** Refused by a limit of this process, not by the provider. */
export function isOwnLimit(error: unknown): boolean {
  return error instanceof ResilienceError && error.code === 'RESILIENCE_RATE_LIMITED';
}

/**
 * What no target is asked again for: the next one has room; a stream whose first words were read cannot begin anew; an answer
 * without end would have none the next time either.
 */
function nobodyAskedAgain(abortOn: Matcher | undefined): Matcher {
  const given = abortOn === undefined ? [] : typeof abortOn === 'function' ? [abortOn] : abortOn;
  return [LlmStreamInterruptedError, LlmAnswerTooLargeError, isOwnLimit, ...given];
}
