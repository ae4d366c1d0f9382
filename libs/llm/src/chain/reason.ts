import { classifyError, type FailureReason } from '@nest-resilience/core';
import type { LlmFallThrough } from '../options/policies.options.js';

export function reasonOf(error: unknown): FailureReason {
  return classifyError(error).reason;
}

/** As {@link reasonOf}; a caller that leaves may give any reason. */
export function reasonIn(signal: AbortSignal | undefined, error: unknown): FailureReason {
  return signal?.aborted === true ? 'aborted' : reasonOf(error);
}

export interface FallThroughRules {
  readonly fallThrough: LlmFallThrough | undefined;
  readonly onContentPolicy: 'throw' | 'next';
}

/** Whether the next target may be asked after a failure for this reason. */
export function fallsThrough(reason: FailureReason, { fallThrough, onContentPolicy }: FallThroughRules): boolean {
  return fallThrough?.[reason] ?? (reason !== 'content_policy' || onContentPolicy === 'next');
}

/** What the caller itself can mend: thrown when everybody who was asked says so. */
const OF_THE_REQUEST: readonly FailureReason[] = ['bad_request', 'context_length'];

export function isOfTheRequest(reason: FailureReason): boolean {
  return OF_THE_REQUEST.includes(reason);
}

/** The request may have reached the provider, and been worked on, although no answer came of it. */
const MAYBE_SERVED: readonly FailureReason[] = ['timeout', 'network', 'aborted'];

export function maybeServed(reason: FailureReason): boolean {
  return MAYBE_SERVED.includes(reason);
}

/** Tokens to book for a request that failed: a refusal costs none, of a lost answer nobody knows. */
export function tokensOfFailed(reason: FailureReason, estimatedTokens: number): number {
  return maybeServed(reason) ? estimatedTokens : 0;
}
