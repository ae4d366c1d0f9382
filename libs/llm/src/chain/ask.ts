import { LlmInvalidAnswerError } from '../llm.errors.js';
import type { ModelRequest } from '../providers/model-call.js';
import { type ProviderAnswer, readAnswer } from '../providers/read-answer.js';
import type { CallRecord, OpenTry } from './call-record.js';
import type { Turn } from './call-targets.js';
import { refuseWithoutRoom } from './llm-target.js';
import { reasonIn, tokensOfFailed } from './reason.js';
import { whyUnusable } from './refuse-unusable.js';
import { estimateTokens } from './token-limit.js';

export interface Asked {
  readonly answer: ProviderAnswer;
  /** Still open: whether the answer is any good is not known yet. */
  readonly opened: OpenTry;
}

/** Asks one target under its policies; every request that goes out is recorded. Rejects with what the last one failed with. */
export async function ask(
  { target, fallbackLevel }: Turn,
  request: ModelRequest,
  record: CallRecord,
  signal: AbortSignal | undefined,
): Promise<Asked> {
  const { provider, tokens, policy } = target;
  const estimate = estimateTokens(request.prompt, request.maxOutputTokens);
  try {
    return await policy.execute(async (attempt) => {
      for (let { lastError } = attempt; ;) {
        refuseWithoutRoom(target, estimate);
        const settle = tokens.take(estimate);
        const opened = record.begin(target, fallbackLevel, lastError);
        const answered = target.cooldown.asked();
        let answer: ProviderAnswer;
        try {
          answer = readAnswer(await provider.generate(request, { signal: attempt.signal }));
        } catch (error) {
          const cause: unknown = attempt.signal.aborted ? attempt.signal.reason : error;
          const reason = reasonIn(signal, cause);
          settle(tokensOfFailed(reason, estimate));
          opened.failed(cause, { reason });
          if (attempt.signal.aborted || provider.adapt?.(request, error) !== true) throw error;
          record.adapted++;
          lastError = error;
          continue;
        }
        answered();
        // A server that counts no tokens is charged what was expected of it.
        settle(answer.usage.totalTokens || estimate);
        const unusable = whyUnusable(target, request, answer);
        if (unusable === undefined) return { answer, opened };
        if (unusable instanceof LlmInvalidAnswerError) opened.invalid(answer.usage, unusable.problems);
        else opened.failed(unusable, { usage: answer.usage });
        throw unusable;
      }
    }, signal && { signal });
  } catch (error) {
    record.gaveUp(target, fallbackLevel, error);
    throw error;
  }
}
