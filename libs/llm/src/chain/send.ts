import { LlmInvalidAnswerError } from '../llm.errors.js';
import type { LlmUsage } from '../llm.result.js';
import type { CallRecord, OpenTry } from './call-record.js';
import type { Turn } from './call-targets.js';
import { refuseWithoutRoom } from './llm-target.js';
import { reasonIn, tokensOfFailed } from './reason.js';

export interface Sending<A> {
  readonly estimatedTokens: number;
  readonly record: CallRecord;
  readonly signal: AbortSignal | undefined;
  /** One request. */
  readonly once: (signal: AbortSignal) => Promise<A>;
  /** Whether a request that failed so is to be said again in other words. */
  readonly adapt?: (error: unknown) => boolean;
  /** What is wrong with an answer that came. */
  readonly whyUnusable: (answer: A) => Error | undefined;
}

export interface Sent<A> {
  readonly answer: A;
  /** Still open: whether the answer is any good is not known yet. */
  readonly opened: OpenTry;
}

/** Asks one target under its policies; every request that goes out is recorded. Rejects with what the last one failed with. */
export async function send<A extends { readonly usage: LlmUsage }>(
  { target, fallbackLevel }: Turn,
  { estimatedTokens, record, signal, once, adapt, whyUnusable }: Sending<A>,
): Promise<Sent<A>> {
  const { tokens, policy } = target;
  try {
    return await policy.execute(async (attempt) => {
      for (let { lastError } = attempt; ;) {
        if (record.isBudgeted) await record.afford(target, attempt.signal);
        refuseWithoutRoom(target, estimatedTokens);
        const settle = tokens.take(estimatedTokens);
        const opened = record.begin(target, fallbackLevel, lastError);
        const answered = target.cooldown.asked();
        let answer: A;
        try {
          answer = await once(attempt.signal);
        } catch (error) {
          const cause: unknown = attempt.signal.aborted ? attempt.signal.reason : error;
          const reason = reasonIn(signal, cause);
          settle(tokensOfFailed(reason, estimatedTokens));
          const again = !attempt.signal.aborted && adapt?.(error) === true;
          opened.failed(cause, { reason, again });
          if (!again) throw error;
          record.adapted++;
          lastError = error;
          continue;
        }
        answered();
        // A server that counts no tokens is charged what was expected of it.
        settle(answer.usage.totalTokens || estimatedTokens);
        const unusable = whyUnusable(answer);
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
