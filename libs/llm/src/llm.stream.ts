import type { ChainCall, LlmChain } from './chain/llm-chain.js';
import type { LlmTarget } from './chain/llm-target.js';
import { type OpenedStream, openStream } from './chain/open-stream.js';
import type { Turn } from './chain/call-targets.js';
import { LlmStreamInterruptedError } from './llm.errors.js';
import { type LlmResult, type LlmUsage, NO_USAGE } from './llm.result.js';
import type { ProviderRequest } from './providers/provider.js';

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

  constructor(
    private readonly chain: LlmChain,
    private readonly targets: readonly LlmTarget[],
    private readonly request: ProviderRequest,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.result = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Whoever only iterates hears of the error there.
    this.result.catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<string, void, undefined> {
    if (this.started) throw new TypeError('An LlmStream can be iterated once: call stream() again for another answer');
    this.started = true;
    return this.run();
  }

  private async *run(): AsyncGenerator<string, void, undefined> {
    const call = this.chain.begin(this.targets, this.request);
    let outcome: { readonly result: LlmResult<string> } | { readonly error: unknown } = { error: leftEarly() };
    try {
      this.signal?.throwIfAborted();
      const { turn, opened } = await this.open(call);
      const answer = yield* this.read(opened);
      outcome = { result: call.record.result<string>(turn.target, turn.fallbackLevel, answer) };
    } catch (error) {
      outcome = { error };
      throw error;
    } finally {
      if ('result' in outcome) {
        this.chain.completed(outcome.result, true);
        this.settle.resolve(outcome.result);
      } else {
        this.chain.failed(outcome.error, call.record, true);
        this.settle.reject(outcome.error);
      }
    }
  }

  private async open({ record, targets }: ChainCall): Promise<{ turn: Turn; opened: OpenedStream }> {
    for (;;) {
      const turn = targets.turn();
      try {
        return {
          turn,
          opened: await openStream(turn, this.request, record, this.signal, this.chain.surroundings.clock),
        };
      } catch (error) {
        targets.failed(turn, error, this.signal);
      }
    }
  }

  private async *read({
    stream,
    firstText,
    opened,
    settleTokens,
  }: OpenedStream): AsyncGenerator<string, { text: string; usage: LlmUsage }> {
    const { name, model } = stream.target.options;
    let text = firstText;
    let end: { readonly usage: LlmUsage } | undefined;
    let failure: unknown = leftEarly();
    try {
      yield firstText;
      for (let part = await stream.next(); part !== undefined; part = await stream.next()) {
        if (part.type === 'finish') {
          if (part.finishReason === 'missing')
            throw new Error('the connection ended before the provider said that it was done');
          end = part;
        } else {
          text += part.text;
          yield part.text;
        }
      }
      end ??= { usage: NO_USAGE };
      return { text, usage: end.usage };
    } catch (error) {
      end = undefined;
      failure =
        this.signal?.aborted === true ? this.signal.reason : new LlmStreamInterruptedError(name, model, text, error);
      throw failure;
    } finally {
      settleTokens(end?.usage.totalTokens ?? 0);
      if (end === undefined) {
        opened.failed(failure);
        stream.fail(failure);
      } else {
        opened.ok(end.usage);
        stream.succeed();
      }
    }
  }
}

function leftEarly(): DOMException {
  return new DOMException('The reader left the stream before its end', 'AbortError');
}
