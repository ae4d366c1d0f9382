import { classifyError, type FailureReason } from '@nest-resilience/core';
import { LlmInvalidAnswerError, LlmRefusedError } from '../llm.errors.js';

/** `classifyError`, which cannot know this package's own errors. */
export function reasonOf(error: unknown): FailureReason {
  if (error instanceof LlmInvalidAnswerError) return 'invalid_output';
  if (error instanceof LlmRefusedError) return 'content_policy';
  return classifyError(error).reason;
}

/** The caller's own fault: every other model would say the same, or worse, would not. */
const CALLERS_FAULT: readonly FailureReason[] = ['bad_request', 'content_policy', 'aborted'];

/** Whether the next target may be asked after a failure for this reason. A text that is too long goes on to larger ones only. */
export function fallsThrough(reason: FailureReason): boolean {
  return !CALLERS_FAULT.includes(reason);
}
