import { classifyError, type FailureReason } from '@nest-resilience/core';
import { LlmBudgetError, LlmGuardError, LlmRefusedError, LlmUnavailableError, messageOf } from '../llm.errors.js';
import { OpenAiProblem } from './openai-problem.js';

/** What a failed call of the chain says to a client. Words of a vendor go out only where they are about the request itself. */
export function errorAnswer(error: unknown): OpenAiProblem {
  if (error instanceof OpenAiProblem) return error;
  const { reason, retryAfterMs } = classifyError(error);
  if (error instanceof LlmBudgetError)
    return new OpenAiProblem({
      status: 429,
      type: 'insufficient_quota',
      code: 'insufficient_quota',
      message: `The budget of ${error.tenant === undefined ? 'this gateway' : `team '${error.tenant}'`} has no room for the request.`,
      retryAfterMs: error.retryAfterMs,
      shouldRetry: false,
    });
  if (error instanceof LlmGuardError)
    return new OpenAiProblem({ status: 400, code: 'content_filter', message: messageOf(error) });
  if (error instanceof LlmRefusedError || reason === 'content_policy')
    return new OpenAiProblem({
      status: 400,
      code: 'content_filter',
      message: 'A content filter refused the text or its answer.',
    });
  if (error instanceof LlmUnavailableError) return unavailable(error);
  const about = OF_THE_REQUEST[reason];
  if (about !== undefined) return new OpenAiProblem({ status: 400, code: about, message: messageOf(error) });
  if (reason === 'aborted')
    return new OpenAiProblem({ status: 499, code: 'client_gone', message: 'The client has left.' });
  return new OpenAiProblem({
    status: reason === 'unknown' ? 500 : 502,
    code: reason,
    message: 'The model did not come to an answer.',
    retryAfterMs,
  });
}

const OF_THE_REQUEST: Partial<Readonly<Record<FailureReason, string>>> = {
  bad_request: 'invalid_request',
  context_length: 'context_length_exceeded',
};

function unavailable({ failures, retryAfterMs, statusCode }: LlmUnavailableError): OpenAiProblem {
  const reasons = failures.map(({ provider, model, reason }) => `${provider}:${model} ${reason}`);
  const message = `No model could answer: ${reasons.join(', ')}.`;
  const passes = statusCode !== undefined && statusCode !== 502;
  return new OpenAiProblem({
    status: passes ? 503 : 502,
    code: 'no_model_available',
    message,
    retryAfterMs,
    // The chain has done the retrying; one that is to wait is told how long.
    ...((!passes || retryAfterMs === undefined) && { shouldRetry: false }),
  });
}
