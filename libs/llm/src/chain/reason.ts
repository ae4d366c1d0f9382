import { classifyError, type FailureReason } from '@nest-resilience/core';

export function reasonOf(error: unknown): FailureReason {
  return classifyError(error).reason;
}

/** As {@link reasonOf}; a caller that leaves may give any reason. */
export function reasonIn(signal: AbortSignal | undefined, error: unknown): FailureReason {
  return signal?.aborted === true ? 'aborted' : reasonOf(error);
}

/** The caller's own fault: every other model would say the same, or worse, would not. */
const CALLERS_FAULT: readonly FailureReason[] = ['bad_request', 'content_policy', 'aborted'];

/** Whether the next target may be asked after a failure for this reason. A text that is too long goes on to larger ones only. */
export function fallsThrough(reason: FailureReason): boolean {
  return !CALLERS_FAULT.includes(reason);
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
