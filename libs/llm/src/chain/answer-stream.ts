import { onAbort } from '@nest-resilience/core';
import { LlmInvalidAnswerError, LlmStreamInterruptedError } from '../llm.errors.js';
import type { LlmSchema } from '../llm.request.js';
import type { LlmGuardRecord, LlmResult, LlmUsage } from '../llm.result.js';
import type { Served } from '../model/told.js';
import type { ModelPart, ModelRequest } from '../providers/model-call.js';
import { usageOf } from '../providers/read-answer.js';
import { type AnswerSchema, answerSchema } from '../schema/answer-schema.js';
import { askInTurn } from './ask-in-turn.js';
import type { Turn } from './call-targets.js';
import { Continuation } from './continuation.js';
import { estimatedUsage } from './cost.js';
import type { ChainCall, LlmChain } from './llm-chain.js';
import type { LiveStream } from './live-stream.js';
import type { LlmTarget } from './llm-target.js';
import { type OpenedStream, openStream } from './open-stream.js';
import { reasonIn } from './reason.js';

/** What of an answer a reader gets; `undefined` for parts that are not for it. */
export type Pick<T> = (part: ModelPart, result?: LlmResult<string>) => T | undefined;

/** What of a call does not reach a model. */
export interface CallScope {
  readonly signal?: AbortSignal | undefined;
  readonly tenant?: string | undefined;
  /** What the whole text must match in the end. */
  readonly schema?: LlmSchema | undefined;
}

type Finish = Extract<ModelPart, { type: 'finish' }>;
type Next<T> = IteratorResult<T, undefined>;

const DONE = { done: true, value: undefined } as const;

/**
 * One streamed call along the chain. Nothing is sent before the iteration begins; it can be iterated once. Leaving it early ends the
 * request upstream. Another target takes over as long as the reader has got nothing, and one with `prefill` later too.
 *
 * Hot path, no generator: each layer of them costs a part about as much as all of this. See `npm run bench -- llm`.
 */
export class AnswerStream<T> implements AsyncIterable<T> {
  /** Who served, tokens, cost and the whole text, once the stream was read to its end; rejects with whatever ended it before. */
  readonly result: Promise<LlmResult<string>>;
  private settle!: { readonly resolve: (result: LlmResult<string>) => void; readonly reject: (error: unknown) => void };
  private started = false;
  private call: ChainCall | undefined;
  private current: { readonly turn: Turn; readonly opened: OpenedStream } | undefined;
  private who: Served | undefined;
  private readonly guards: LlmGuardRecord[] = [];
  private readonly request: ModelRequest;
  private readonly continuation = new Continuation();
  private readonly ready: T[] = [];
  private pending: Promise<Next<T>> | undefined;
  private over = false;
  private schema: AnswerSchema<unknown> | undefined;
  /** The end of an answer that is still to be checked. */
  private last: Finish | undefined;
  private left = false;
  /** Ends the call: the caller's signal has, or the reader left. */
  private readonly stop = new AbortController();
  private unfollow: (() => void) | undefined;

  /** @throws LlmGuardError for what a guard refuses */
  constructor(
    private readonly chain: LlmChain,
    private readonly targets: readonly LlmTarget[],
    request: ModelRequest,
    private readonly settings: CallScope,
    private readonly pick: Pick<T>,
  ) {
    this.request = chain.readyToStream(request, this.guards);
    this.result = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Whoever only iterates hears of the error there.
    this.result.catch(() => undefined);
  }

  /** Who serves, as soon as there is something to read. */
  get served(): Served | undefined {
    return this.who;
  }

  /** What the model has thought so far, of the target that serves. */
  get reasoning(): string {
    return this.current?.opened.stream.answer.reasoning ?? '';
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined> {
    if (this.started) throw new TypeError('An LlmStream can be iterated once: call stream() again for another answer');
    this.started = true;
    return { next: () => this.next(), return: () => this.leave() };
  }

  private next(): Promise<Next<T>> {
    const value = this.ready.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.pending !== undefined) {
      const again = () => this.next();
      return this.pending.then(again, again);
    }
    if (this.over) return Promise.resolve(DONE);
    this.pending = this.pull();
    return this.pending;
  }

  /** Reads on until there is something for the reader, or the end. */
  private async pull(): Promise<Next<T>> {
    try {
      if (this.call === undefined) this.take(await this.begin());
      while (this.ready.length === 0 && !this.over) await (this.last ? this.check(this.last) : this.readOn());
    } catch (error) {
      this.failed(error);
      if (this.left) return DONE;
      throw error;
    } finally {
      this.pending = undefined;
    }
    const value = this.ready.shift();
    return value === undefined ? DONE : { done: false, value };
  }

  private async readOn(): Promise<void> {
    const { stream } = this.current!.opened;
    let parts: readonly ModelPart[];
    try {
      parts = await stream.next();
      this.take(parts);
    } catch (error) {
      const broke = this.broke(error);
      if (!(broke instanceof LlmStreamInterruptedError)) throw broke;
      this.take(await this.goOn(broke));
    }
  }

  /** @returns done, as soon as the request upstream has ended */
  private async leave(): Promise<Next<T>> {
    if (this.left || this.over) return DONE;
    this.left = true;
    const why = leftEarly();
    if (this.call === undefined) {
      this.over = true;
      this.settle.reject(why);
    } else if (this.pending !== undefined) {
      this.stop.abort(why);
      await this.pending;
    } else {
      this.stop.abort(why);
      this.failed(this.broke(why));
    }
    return DONE;
  }

  private async begin(): Promise<readonly ModelPart[]> {
    const { signal: callerSignal, tenant } = this.settings;
    this.call = this.chain.begin(this.targets, { ...this.chain.toSend(this.request), tenant, stream: true });
    const { stop } = this;
    const follow = () => stop.abort(callerSignal?.reason);
    if (callerSignal?.aborted === true) follow();
    this.unfollow = callerSignal && onAbort(callerSignal, follow);
    stop.signal.throwIfAborted();
    const { schema } = this.settings;
    if (schema !== undefined) this.schema = await answerSchema<unknown>(schema);
    return this.open(this.call, this.request);
  }

  private async open({ record, targets }: ChainCall, request: ModelRequest): Promise<readonly ModelPart[]> {
    const { signal } = this.stop;
    const isForReader = (part: ModelPart) => this.pick(part) !== undefined;
    const { expected } = this.chain.toSend(request);
    const asking = this.chain.asking(record, expected);
    const { turn, answer } = await askInTurn<OpenedStream>(targets, {
      ...asking,
      signal,
      // What the reader has got cannot come from two.
      hedge: this.continuation.before === '' ? asking.hedge : undefined,
      skips: (next) => !this.continuation.isFor(next, record),
      ask: (next, ofTurn = signal) =>
        openStream(next, { request, record, signal: ofTurn, clock: asking.clock, isForReader }),
      discard: ({ stream, settleTokens }) => {
        settleTokens(expected.totalTokens);
        stream.fail(leftEarly());
      },
    });
    this.current = { turn, opened: answer };
    this.who = record.served(turn.target, turn.fallbackLevel);
    return answer.first;
  }

  private take(parts: readonly ModelPart[]): void {
    for (const part of parts) {
      if (part.type === 'finish') return this.schema ? void (this.last = part) : this.finished(part);
      const continued = this.continuation.part(part);
      const picked = continued && this.pick(continued);
      if (picked !== undefined) this.ready.push(picked);
    }
  }

  /** What was handed out cannot be asked for again: an answer that does not match is an error at its end. */
  private async check(finish: Finish): Promise<void> {
    const { stream, opened, settleTokens } = this.current!.opened;
    const { name, model } = stream.target.options;
    const text = this.continuation.whole(stream.answer.text);
    const checked = stream.answer.toolCalls.length === 0 ? await this.schema?.check(text) : undefined;
    this.last = undefined;
    try {
      if (checked?.ok !== false) return this.finished(finish);
    } catch (error) {
      throw this.broke(error);
    }
    const usage = this.usageOf(stream, usageOf(finish.usage));
    settleTokens(usage.totalTokens);
    opened.invalid(usage, checked.problems);
    // The provider is well.
    stream.succeed();
    throw new LlmInvalidAnswerError(name, model, checked.problems, text, checked.cause);
  }

  private finished(finish: Finish): void {
    const { turn, opened } = this.current!;
    const facts = opened.stream.finished(finish);
    const usage = this.usageOf(opened.stream, facts.usage);
    opened.settleTokens(usage.totalTokens);
    opened.opened.ok(usage);
    opened.stream.succeed();
    const text = this.continuation.whole(facts.text);
    const answered = this.call!.record.result<string>(turn.target, turn.fallbackLevel, { ...facts, usage, text });
    const result = this.guards.length === 0 ? answered : { ...answered, guards: this.guards };
    const last = this.pick(finish, result);
    if (last !== undefined) this.ready.push(last);
    this.end();
    this.chain.completed(result, true);
    this.settle.resolve(result);
  }

  /** Books a stream that broke. @returns what the reader is told */
  private broke(error: unknown): unknown {
    const { stream, opened, settleTokens } = this.current!.opened;
    const { name, model } = stream.target.options;
    const { signal } = this.stop;
    const text = this.continuation.whole(stream.answer.text);
    const failure: unknown = signal.aborted ? signal.reason : new LlmStreamInterruptedError(name, model, text, error);
    const usage = this.usageOf(stream, undefined);
    settleTokens(usage.totalTokens);
    opened.failed(failure, { usage, reason: reasonIn(signal, failure) });
    stream.fail(failure);
    return failure;
  }

  /** Asks the next target that can to go on where the answer broke. @throws why it broke, when there is none */
  private async goOn(broke: LlmStreamInterruptedError): Promise<readonly ModelPart[]> {
    const { turn, opened } = this.current!;
    const call = this.call!;
    if (!this.continuation.begin(opened.stream.answer)) throw broke;
    try {
      call.targets.failed(turn, broke.cause, this.stop.signal);
      return await this.open(call, this.continuation.request(this.request));
    } catch {
      throw this.stop.signal.aborted ? this.stop.signal.reason : broke;
    }
  }

  private failed(error: unknown): void {
    if (this.over) return;
    this.end();
    this.chain.failed(error, this.call!.record, { stream: true, signal: this.stop.signal });
    this.settle.reject(error);
  }

  private end(): void {
    this.over = true;
    this.unfollow?.();
    this.call?.targets.left();
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
