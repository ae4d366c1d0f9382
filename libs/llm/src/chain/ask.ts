import { LlmInvalidAnswerError, LlmRefusedError } from '../llm.errors.js';
import type { ProviderAnswer, ProviderRequest } from '../providers/provider.js';
import type { CallRecord, OpenTry } from './call-record.js';
import type { Turn } from './call-targets.js';
import { estimateTokens } from './target-limits.js';

export interface Asked {
  readonly answer: ProviderAnswer;
  /** Still open: whether the answer is any good is not known yet. */
  readonly opened: OpenTry;
}

/** Asks one target under its policies; every request that goes out is recorded. Rejects with what the last one failed with. */
export async function ask(
  { target, fallbackLevel }: Turn,
  request: ProviderRequest,
  record: CallRecord,
  signal: AbortSignal | undefined,
): Promise<Asked> {
  const { provider, limits, policy } = target;
  const estimate = estimateTokens(request.messages, request.maxOutputTokens);
  try {
    return await policy.execute(async (attempt) => {
      const settle = limits.take(estimate);
      const opened = record.begin(target, fallbackLevel, attempt.lastError);
      let usedTokens = 0;
      try {
        const answer = await provider.complete(request, { signal: attempt.signal });
        usedTokens = answer.usage.totalTokens;
        const { name, model } = target.options;
        if (answer.text.trim() === '') throw refusalOrEmpty(name, model, answer, opened);
        return { answer, opened };
      } catch (error) {
        opened.failed(attempt.signal.aborted ? attempt.signal.reason : error);
        throw error;
      } finally {
        settle(usedTokens);
      }
    }, signal && { signal });
  } catch (error) {
    record.gaveUp(target, fallbackLevel, error);
    throw error;
  }
}

/** An answer without a word helps nobody; another attempt or another model may do better, unless a filter took the words away. */
function refusalOrEmpty(provider: string, model: string, answer: ProviderAnswer, opened: OpenTry): Error {
  if (answer.finishReason === 'content-filter') return new LlmRefusedError(provider, model);
  const problems = [
    answer.finishReason === 'length' ? 'the token limit was reached before the first word' : 'the answer is empty',
  ];
  opened.invalid(answer.usage, problems);
  return new LlmInvalidAnswerError(provider, model, problems, answer.text);
}
