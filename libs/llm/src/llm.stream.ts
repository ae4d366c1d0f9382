import { onAbort } from '@nest-resilience/core';
import type { ChainCall, LlmChain } from './chain/llm-chain.js';
import type { LlmTarget } from './chain/llm-target.js';
import { type OpenedStream, openStream } from './chain/open-stream.js';
import { endedEarly } from './chain/live-stream.js';
import { reasonIn } from './chain/reason.js';
import type { Turn } from './chain/call-targets.js';
import { inputTokensOf, tokensOf } from './chain/token-limit.js';
import { LlmAnswerTooLargeError, LlmRefusedError, LlmStreamInterruptedError } from './llm.errors.js';
import type { LlmResult, LlmUsage } from './llm.result.js';
import type { ProviderAnswer, ProviderRequest } from './providers/provider.js';

/**
 * The text of an answer as it comes. Nothing is sent before the iteration begins; it can be iterated once. Leaving it early
 * ends the request upstream.
 *
 * Another provider takes over only as long as no text has come: a stream that breaks later throws
 * {@link LlmStreamInterruptedError} with the text so far.
 */
export class LlmStream implements AsyncIterable<string> {
  /** Who served, tokens, cost and the whole text, once the stream was read to its end; rejects with whatever ended it before. */
  readonly result: Promise<LlmResult<string>>;
  private settle!: { readonly resolve: (result: LlmResult<string>) => void; readonly reject: (error: unknown) => void };
  private started = false;
  /** Ends the call: the caller's signal has, or the reader left while a word was waited for. */
  private readonly stop = new AbortController();

  constructor(
    private readonly chain: LlmChain,
    private readonly targets: readonly LlmTarget[],
    private readonly request: ProviderRequest,
    private readonly callerSignal: AbortSignal | undefined,
  ) {
    this.result = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Whoever only iterates hears of the error there.
    this.result.catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<string, void, undefined> {
    if (this.started) throw new TypeError('An LlmStream can be iterated once: call stream() again for another answer');
    this.started = true;
    return this.leavable(this.run());
  }

  /** A generator hears of a reader that leaves only at its next `yield`, which may be far away, and not at all before it began. */
  private leavable(run: AsyncGenerator<string, void, undefined>): AsyncIterator<string, void, undefined> {
    let state: 'new' | 'idle' | 'waiting' | 'left' = 'new';
    return {
      next: async () => {
        if (state !== 'left') state = 'waiting';
        try {
          return await run.next();
        } catch (error) {
          if (state === 'left') return { done: true, value: undefined };
          throw error;
        } finally {
          if (state === 'waiting') state = 'idle';
        }
      },
      return: async () => {
        if (state === 'new') this.settle.reject(leftEarly());
        if (state === 'waiting') this.stop.abort(leftEarly());
        state = 'left';
        return run.return();
      },
    };
  }

  private async *run(): AsyncGenerator<string, void, undefined> {
    const call = this.chain.begin(this.targets, this.request);
    let outcome: { readonly result: LlmResult<string> } | { readonly error: unknown } = { error: leftEarly() };
    const { callerSignal, stop } = this;
    const follow = () => stop.abort(callerSignal?.reason);
    if (callerSignal?.aborted === true) follow();
    const unfollow = callerSignal && onAbort(callerSignal, follow);
    try {
      stop.signal.throwIfAborted();
      const { turn, opened } = await this.open(call);
      const answer = yield* this.read(opened);
      outcome = { result: call.record.result<string>(turn.target, turn.fallbackLevel, answer) };
    } catch (error) {
      outcome = { error };
      throw error;
    } finally {
      unfollow?.();
      if ('result' in outcome) {
        this.chain.completed(outcome.result, true);
        this.settle.resolve(outcome.result);
      } else {
        this.chain.failed(outcome.error, call.record, { stream: true, signal: stop.signal });
        this.settle.reject(outcome.error);
      }
    }
  }

  private async open({ record, targets }: ChainCall): Promise<{ turn: Turn; opened: OpenedStream }> {
    for (;;) {
      const turn = await targets.turn(this.stop.signal);
      try {
        return {
          turn,
          opened: await openStream(turn, this.request, record, this.stop.signal, this.chain.surroundings.clock),
        };
      } catch (error) {
        targets.failed(turn, error, this.stop.signal);
      }
    }
  }

  private async *read({
    stream,
    firstText,
    opened,
    settleTokens,
  }: OpenedStream): AsyncGenerator<string, ProviderAnswer> {
    const { name, model, maxAnswerBytes } = stream.target.options;
    let text = firstText;
    let end: Omit<ProviderAnswer, 'text'> | undefined;
    let whole = false;
    let failure: unknown = leftEarly();
    try {
      yield firstText;
      for (let part = await stream.next(); part !== undefined; part = await stream.next()) {
        if (part.type === 'finish') {
          end = part;
          // It ended well on the wire, but what was read is not the answer.
          if (part.finishReason === 'content-filter') throw new LlmRefusedError(name, model);
        } else {
          text += part.text;
          if (text.length > maxAnswerBytes) throw new LlmAnswerTooLargeError(name, model, maxAnswerBytes);
          yield part.text;
        }
      }
      if (end === undefined) throw endedEarly();
      whole = true;
      return { ...end, text };
    } catch (error) {
      failure = this.stop.signal.aborted
        ? this.stop.signal.reason
        : new LlmStreamInterruptedError(name, model, text, error);
      throw failure;
    } finally {
      const usage = end !== undefined && end.usage.totalTokens > 0 ? end.usage : this.estimatedUsage(text);
      settleTokens(usage.totalTokens);
      if (whole) {
        opened.ok(end?.usage ?? usage);
        stream.succeed();
      } else {
        opened.failed(failure, { usage, reason: reasonIn(this.stop.signal, failure) });
        stream.fail(failure);
      }
    }
  }

  /** A stream that broke did not tell what it cost: what was sent and what has come is paid for. */
  private estimatedUsage(text: string): LlmUsage {
    const inputTokens = inputTokensOf(this.request.messages);
    const outputTokens = tokensOf(text.length);
    return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
  }
}

/** The name says to readers what a signal's reason would, the code to `classifyError` that it was the caller who left. */
function leftEarly(): Error {
  const error = new Error('The reader left the stream before its end');
  return Object.assign(error, { name: 'AbortError', code: 'RESILIENCE_CLIENT_GONE' });
}
