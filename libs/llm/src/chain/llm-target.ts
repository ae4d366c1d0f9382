import type { Clock, Matcher, Policy, PolicyOptions } from '@nest-resilience/core';
import { LlmStreamInterruptedError } from '../llm.errors.js';
import { circuitNameOf, type ResolvedTarget } from '../options/resolved-options.js';
import type { LlmProvider } from '../providers/provider.js';
import { TargetLimits } from './target-limits.js';

/** A model of a provider, ready to be asked: its wire, its policies, its own limits. */
export interface LlmTarget {
  readonly options: ResolvedTarget;
  readonly provider: LlmProvider;
  /** Retry, circuit and timeout of whole answers. */
  readonly policy: Policy;
  /**
   * Of streams: the same circuit, which holds its permit until the stream has ended; the stream itself keeps its times,
   * because they are other ones (first token, gap) than an answer's.
   */
  readonly streamPolicy: Policy;
  readonly limits: TargetLimits;
}

export function createTarget(
  options: ResolvedTarget,
  provider: LlmProvider,
  createPolicy: (options: PolicyOptions) => Policy,
  clock: Clock,
): LlmTarget {
  const name = circuitNameOf(options);
  const { each, growth, max, total } = options.timeouts;
  const circuitBreaker = { ...options.circuitBreaker, name };
  const { retry } = options;
  return {
    options,
    provider,
    limits: new TargetLimits(options.limits, clock),
    policy: createPolicy({
      name,
      circuitBreaker,
      retry,
      timeout: { each, growth, ...(max !== undefined && { max }), ...(total !== undefined && { total }) },
    }),
    streamPolicy: createPolicy({
      name: `${name}:stream`,
      circuitBreaker,
      retry: retry === false ? false : { ...retry, abortOn: onceStarted(retry.abortOn) },
    }),
  };
}

/** Nobody may begin a stream anew whose first words were already read. */
function onceStarted(abortOn: Matcher | undefined): Matcher {
  if (abortOn === undefined) return LlmStreamInterruptedError;
  return [LlmStreamInterruptedError, ...(typeof abortOn === 'function' ? [abortOn] : abortOn)];
}
