import { onAbort } from '@nest-resilience/core';
import { LlmStreamInterruptedError } from '../llm.errors.js';
import type { LlmResult, LlmUsage } from '../llm.result.js';
import type { ModelPart, ModelRequest } from '../providers/model-call.js';
import type { AnswerFacts } from '../providers/read-answer.js';
import type { Turn } from './call-targets.js';
import { estimatedUsage } from './cost.js';
import type { ChainCall, LlmChain } from './llm-chain.js';
import type { LiveStream } from './live-stream.js';
import type { LlmTarget } from './llm-target.js';
import { type OpenedStream, openStream } from './open-stream.js';
import { reasonIn } from './reason.js';

/** What of an answer a reader gets; `undefined` for parts that are not for it. */
export type Pick<T> = (part: ModelPart, result?: LlmResult<string>) => T | undefined;

/**
 * One streamed call along the chain. Nothing is sent before the iteration begins; it can be iterated once. Leaving it early ends the
 * request upstream. Another target takes over as long as the reader has got nothing.
 */
export class AnswerStream<T> implements AsyncIterable<T> {
  /** Who served, tokens, cost and the whole text, once the stream was read to its end; rejects with whatever ended it before. */
  readonly result: Promise<LlmResult<string>>;
  private settle!: { readonly resolve: (result: LlmResult<string>) => void; readonly reject: (error: unknown) => void };
  private started = false;
  private current: LiveStream | undefined;
  /** Ends the call: the caller's signal has, or the reader left while a part was waited for. */
  private readonly stop = new AbortController();

  constructor(
    private readonly chain: LlmChain,
    private readonly targets: readonly LlmTarget[],
    private readonly request: ModelRequest,
    private readonly callerSignal: AbortSignal | undefined,
    private readonly pick: Pick<T>,
  ) {
    this.result = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Whoever only iterates hears of the error there.
    this.result.catch(() => undefined);
  }

  /** What the model has thought so far, of the target that serves. */
  get reasoning(): string {
    return this.current?.answer.reasoning ?? '';
  }

  [Symbol.asyncIterator](): AsyncIterator<T, void, undefined> {
    if (this.started) throw new TypeError('An LlmStream can be iterated once: call stream() again for another answer');
    this.started = true;
    return this.leavable(this.run());
  }

  /** A generator hears of a reader that leaves only at its next `yield`, which may be far away, and not at all before it began. */
  private leavable(run: AsyncGenerator<T, void, undefined>): AsyncIterator<T, void, undefined> {
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

  private async *run(): AsyncGenerator<T, void, undefined> {
    const call = this.chain.begin(this.targets, { ...this.chain.toSend(this.request), stream: true });
    let outcome: { readonly result: LlmResult<string> } | { readonly error: unknown } = { error: leftEarly() };
    const { callerSignal, stop } = this;
    const follow = () => stop.abort(callerSignal?.reason);
    if (callerSignal?.aborted === true) follow();
    const unfollow = callerSignal && onAbort(callerSignal, follow);
    try {
      stop.signal.throwIfAborted();
      const { turn, opened } = await this.open(call);
      const { facts, finish } = yield* this.read(opened);
      const result = call.record.result<string>(turn.target, turn.fallbackLevel, facts);
      outcome = { result };
      const last = this.pick(finish, result);
      if (last !== undefined) yield last;
    } catch (error) {
      outcome = { error };
      throw error;
    } finally {
      unfollow?.();
      call.targets.left();
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
    const { request, pick } = this;
    const { signal } = this.stop;
    const { clock } = this.chain.surroundings;
    const isForReader = (part: ModelPart) => pick(part) !== undefined;
    for (;;) {
      const turn = await targets.turn(signal);
      try {
        return { turn, opened: await openStream(turn, { request, record, signal, clock, isForReader }) };
      } catch (error) {
        targets.failed(turn, error, signal);
      }
    }
  }

  private async *read({
    stream,
    first,
    opened,
    settleTokens,
  }: OpenedStream): AsyncGenerator<T, { readonly facts: AnswerFacts; readonly finish: ModelPart }> {
    const { name, model } = stream.target.options;
    this.current = stream;
    let usage: LlmUsage | undefined;
    let failure: unknown = leftEarly();
    let whole = false;
    try {
      for (let parts = first; ; parts = await stream.next()) {
        for (const part of parts) {
          if (part.type === 'finish') {
            const facts = stream.finished(part);
            usage = this.usageOf(stream, facts.usage);
            whole = true;
            return { facts: { ...facts, usage }, finish: part };
          }
          const picked = this.pick(part);
          if (picked !== undefined) yield picked;
        }
      }
    } catch (error) {
      failure = this.stop.signal.aborted
        ? this.stop.signal.reason
        : new LlmStreamInterruptedError(name, model, stream.answer.text, error);
      throw failure;
    } finally {
      const used = usage ?? this.usageOf(stream, undefined);
      settleTokens(used.totalTokens);
      if (whole) {
        opened.ok(used);
        stream.succeed();
      } else {
        opened.failed(failure, { usage: used, reason: reasonIn(this.stop.signal, failure) });
        stream.fail(failure);
      }
    }
  }

  /** A stream that broke did not tell what it cost, and some servers never do. */
  private usageOf({ target: { provider }, answer }: LiveStream, counted: LlmUsage | undefined): LlmUsage {
    if (counted !== undefined && (counted.totalTokens > 0 || provider.kind === 'offline')) return counted;
    return estimatedUsage(this.request.prompt, answer.text.length + answer.reasoning.length);
  }
}

/** The name says to readers what a signal's reason would, the code to `classifyError` that it was the caller who left. */
function leftEarly(): Error {
  const error = new Error('The reader left the stream before its end');
  return Object.assign(error, { name: 'AbortError', code: 'RESILIENCE_CLIENT_GONE' });
}
