import { LlmInvalidAnswerError, LlmRefusedError } from '../llm.errors.js';
import type { ProviderAnswer, ProviderRequest } from '../providers/provider.js';
import type { CallRecord, OpenTry } from './call-record.js';
import { estimatedUsage } from './cost.js';
import type { Turn } from './call-targets.js';
import { type LlmTarget, refuseWithoutRoom } from './llm-target.js';
import { reasonIn, tokensOfFailed } from './reason.js';
import { estimateTokens } from './token-limit.js';

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
  const { provider, tokens, policy } = target;
  const estimate = estimateTokens(request.messages, request.maxOutputTokens);
  try {
    return await policy.execute(async (attempt) => {
      refuseWithoutRoom(target, estimate);
      const settle = tokens.take(estimate);
      const opened = record.begin(target, fallbackLevel, attempt.lastError);
      const answered = target.cooldown.asked();
      let answer: ProviderAnswer;
      try {
        answer = counted(await provider.complete(request, { signal: attempt.signal }), request, target);
      } catch (error) {
        const cause: unknown = attempt.signal.aborted ? attempt.signal.reason : error;
        const reason = reasonIn(signal, cause);
        settle(tokensOfFailed(reason, estimate));
        opened.failed(cause, { reason });
        throw error;
      }
      answered();
      settle(answer.usage.totalTokens);
      refuseUnusable(target, answer, opened);
      return { answer, opened };
    }, signal && { signal });
  } catch (error) {
    record.gaveUp(target, fallbackLevel, error);
    throw error;
  }
}

/** With what it cost, also when its server counts nothing. */
function counted(answer: ProviderAnswer, { messages }: ProviderRequest, { provider }: LlmTarget): ProviderAnswer {
  if (answer.usage.totalTokens > 0 || provider.kind === 'offline') return answer;
  return { ...answer, usage: estimatedUsage(messages, answer.text) };
}

/**
 * An answer without a word helps nobody: another attempt or another model may do better. What a filter kept back or cut is
 * no answer either, but nobody is asked for it again.
 */
function refuseUnusable({ options: { name, model } }: LlmTarget, answer: ProviderAnswer, opened: OpenTry): void {
  if (answer.finishReason === 'content-filter') {
    const error = new LlmRefusedError(name, model);
    opened.failed(error, { usage: answer.usage });
    throw error;
  }
  if (answer.text.trim() !== '') return;
  const problems = [
    answer.finishReason === 'length' ? 'the token limit was reached before the first word' : 'the answer is empty',
  ];
  opened.invalid(answer.usage, problems);
  throw new LlmInvalidAnswerError(name, model, problems, answer.text);
}
