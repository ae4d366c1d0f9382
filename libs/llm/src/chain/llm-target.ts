import {
  type Clock,
  type Matcher,
  type option,
  type Policy,
  type PolicyOptions,
  type Random,
  ResilienceError,
} from '@nest-resilience/core';
import { LlmAnswerTooLargeError, LlmBudgetError, LlmRateLimitError, LlmStreamInterruptedError } from '../llm.errors.js';
import type { LlmRequest } from '../llm.request.js';
import { circuitNameOf, type ResolvedTarget } from '../options/resolved-options.js';
import type { LlmProvider } from '../providers/provider.js';
import { Cooldown } from './cooldown.js';
import { reasonOf } from './reason.js';
import type { SharedLimits } from './shared-limits.js';
import { TargetLoad } from './target-load.js';
import { TargetLimits } from './target-limits.js';

/** A model of a provider, ready to be asked: its wire, its policies, its own limits. */
export interface LlmTarget {
  readonly options: ResolvedTarget;
  /** The name of its circuit. */
  readonly circuit: string;
  readonly provider: LlmProvider;
  /** Retry, circuit and timeout of whole answers. */
  readonly policy: Policy;
  /**
   * Of streams: the same circuit, which holds its permit until the stream has ended; the stream itself keeps its times, because they are
   * other ones (first token, gap) than an answer's.
   */
  readonly streamPolicy: Policy;
  /** Requests and tokens per minute. */
  readonly tokens: TargetLimits;
  readonly cooldown: Cooldown;
  readonly load: TargetLoad;
  /** The call names it. */
  readonly chosen?: true;
  readonly clock: Clock;
  /** The application ends: nobody is waited for any more. */
  readonly stop: AbortSignal | undefined;
}

export interface TimeAndChance {
  readonly clock: Clock;
  readonly random: Random;
  readonly stop?: AbortSignal;
  readonly shared?: SharedLimits | undefined;
}

export function createTarget(
  options: ResolvedTarget,
  provider: LlmProvider,
  createPolicy: (options: PolicyOptions, kind: 'whole' | 'stream') => Policy,
  { clock, random, stop, shared }: TimeAndChance,
): LlmTarget {
  const name = circuitNameOf(options);
  const { whole, stream } = policiesOf(options);
  const cooldown = new Cooldown(clock, random, options.cooldown);
  if (shared) cooldown.onCool((ms) => shared.cool(name, ms));
  return {
    options,
    circuit: name,
    provider,
    tokens: new TargetLimits(name, options.limits, clock, shared, (ms) => cooldown.cool(ms)),
    cooldown,
    load: new TargetLoad(clock),
    clock,
    stop,
    policy: createPolicy(whole, 'whole'),
    streamPolicy: createPolicy(stream, 'stream'),
  };
}

/** Of calls that are answered as a whole, and of streams. */
export function policiesOf(options: ResolvedTarget): Readonly<Record<'whole' | 'stream', PolicyOptions>> {
  const name = circuitNameOf(options);
  const { each, growth, max, total } = options.timeouts;
  // A rate limit is no outage: it cools the target down, and whoever is alone waits for its end.
  const circuitBreaker = {
    ...options.circuitBreaker,
    name,
    ignoreOn: [isRateLimit, LlmBudgetError, ...listOf(options.circuitBreaker.ignoreOn)],
  };
  const retry = options.retry && {
    ...options.retry,
    abortOn: [
      ...NOBODY_ASKED_AGAIN,
      // Who asked to be left alone is, and the next one may have room; unless it is asked for.
      options.retry.byReason?.rate_limit ? isOwnLimit : isRateLimit,
      ...listOf(options.retry.abortOn),
    ],
  };
  return {
    whole: {
      name,
      circuitBreaker,
      retry,
      timeout: { each, growth, ...(max !== undefined && { max }), ...(total !== undefined && { total }) },
    },
    stream: { name, circuitBreaker, retry },
  };
}

/**
 * Those that a call lets answer: what fills a schema without a model is made up, so it must be asked for. Notes a `minQuality` that nobody has.
 */
export function goodEnough(
  chain: readonly LlmTarget[],
  {
    schema,
    degraded = schema === undefined ? 'accept' : 'refuse',
    minQuality,
  }: { readonly [K in 'schema' | 'degraded' | 'minQuality']?: LlmRequest[K] | undefined },
  at: option.Place,
): readonly LlmTarget[] {
  const taken = degraded === 'accept' ? chain : chain.filter(({ provider }) => provider.kind !== 'offline');
  if (minQuality === undefined) return taken;
  const good = taken.filter(({ options: { quality = -1 } }) => quality >= minQuality);
  if (good.length === 0 && taken.length > 0) {
    const known = taken.flatMap(({ options: { quality } }) => quality ?? []);
    const best = known.length === 0 ? 'nothing where no target has a' : `at most ${Math.max(...known)}, the best`;
    at.at('minQuality').refuse(minQuality, `${best} 'quality' of those that may answer`);
  }
  return good;
}

/** @throws LlmRateLimitError when the target's limits have no room for one more request, or it asked to be left alone meanwhile */
export function refuseWithoutRoom(
  { tokens, cooldown, options: { name, model } }: LlmTarget,
  estimatedTokens: number,
): void {
  const waitMs = tokens.waitMs(estimatedTokens);
  if (waitMs > 0) throw new LlmRateLimitError(name, model, waitMs);
  if (cooldown.isPassing) throw new LlmRateLimitError(name, model, cooldown.remainingMs, cooldown.reason);
}

/** Refused by a limit of this process, not by the provider. */
export function isOwnLimit(error: unknown): boolean {
  return error instanceof ResilienceError && error.code === 'RESILIENCE_RATE_LIMITED';
}

function isRateLimit(error: unknown): boolean {
  return reasonOf(error) === 'rate_limit';
}

/**
 * What no target is asked again for at once: a stream whose first words were read cannot begin anew; an answer without end would have
 * none the next time either.
 */
const NOBODY_ASKED_AGAIN = [LlmStreamInterruptedError, LlmAnswerTooLargeError, LlmBudgetError];

function listOf(matcher: Matcher | undefined) {
  if (matcher === undefined) return [];
  return typeof matcher === 'function' ? [matcher] : matcher;
}
