import { type Clock, onAbort, TimeoutError, type TimerHandle } from '@nest-resilience/core';
import { LlmAnswerTooLargeError } from '../llm.errors.js';
import { circuitNameOf } from '../options/resolved-options.js';
import { finishReasonOf } from '../providers/finish-reasons.js';
import type { ModelPart, ModelRequest } from '../providers/model-call.js';
import { type AnswerFacts, usageOf } from '../providers/read-answer.js';
import { AnswerSoFar } from './answer-so-far.js';
import type { LlmTarget } from './llm-target.js';
import { whyUnusable } from './why-unusable.js';

/** Of a stream whose connection was closed in good order, but too soon. */
function endedEarly(): Error {
  const error = new Error('the connection ended before the provider said that it was done');
  return Object.assign(error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}

type Finish = Extract<ModelPart, { type: 'finish' }>;
type Scope = 'first_item' | 'idle';

/** Parts that come although the model may have made nothing. */
const SIGNS_OF_NOTHING: ReadonlySet<ModelPart['type']> = new Set([
  ...(['stream-start', 'response-metadata', 'raw', 'finish'] as const),
  ...(['text-start', 'text-end', 'reasoning-end'] as const),
]);

/** Whether the model has begun to answer: with a word, a thought, a tool. */
function isSignOfLife(part: ModelPart): boolean {
  return !SIGNS_OF_NOTHING.has(part.type) && !('delta' in part && part.delta === '');
}

/** One stream of one target. Every wait for the next part has a limit; the provider is let go as soon as nobody reads on. */
export class LiveStream {
  readonly answer: AnswerSoFar;
  private readonly controller = new AbortController();
  private readonly parts: AsyncIterator<ModelPart>;
  private readonly unfollow: () => void;
  private settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  /** Settles when the reader is done with it. */
  readonly ended: Promise<void>;
  private readonly startedAt: number;
  private scope: Scope = 'first_item';
  /** Rejects the wait for a part that is under way. */
  private waiting: (error: Error) => void = () => undefined;
  private deadline = Infinity;
  private timeout: () => Error = endedEarly;
  private timer: TimerHandle | undefined;
  private firesAt = 0;

  constructor(
    readonly target: LlmTarget,
    private readonly request: ModelRequest,
    attemptSignal: AbortSignal,
    private readonly clock: Clock,
  ) {
    this.ended = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Without an awaiting attempt (its circuit was reset, the caller left) nobody else would hear of it.
    this.ended.catch(() => undefined);
    const abort = () => this.controller.abort(attemptSignal.reason);
    if (attemptSignal.aborted) abort();
    this.unfollow = onAbort(attemptSignal, abort);
    const { name, model, maxAnswerBytes } = target.options;
    this.answer = new AnswerSoFar(maxAnswerBytes, () => new LlmAnswerTooLargeError(name, model, maxAnswerBytes));
    this.startedAt = clock.now();
    const { signal } = this.controller;
    onAbort(signal, () => this.waiting(signal.reason as Error));
    this.parts = target.provider.stream(request, { signal })[Symbol.asyncIterator]();
  }

  /**
   * All parts until the first one that is for the reader. Until then another attempt or another target may take over.
   * @param isForReader asked of parts in which the model has made something
   */
  async first(isForReader: (part: ModelPart) => boolean): Promise<readonly ModelPart[]> {
    const held: ModelPart[] = [];
    for (;;) {
      const parts = await this.next();
      held.push(...parts);
      if (parts.some((part) => isSignOfLife(part) && isForReader(part))) return held;
      // Whatever it is: the end of a stream of which nothing was handed on.
      const finish = parts.find((part) => part.type === 'finish');
      if (finish !== undefined) {
        this.finished(finish);
        return held;
      }
    }
  }

  /** What comes next, `finish` last. @throws when the stream ends without it */
  async next(): Promise<readonly ModelPart[]> {
    const part = await this.nextPart();
    if (part === undefined) throw endedEarly();
    if (this.scope === 'first_item' && isSignOfLife(part)) this.scope = 'idle';
    return this.answer.take(part);
  }

  /** What the whole answer comes to. @throws when it cannot be used, or is not whole */
  finished({ finishReason, usage }: Finish): AnswerFacts {
    const { text, reasoning, toolCalls, hasFiles } = this.answer;
    const facts = { text, toolCalls, hasFiles, finishReason: finishReasonOf(finishReason) };
    const unusable = whyUnusable(this.target, this.request, facts);
    if (unusable !== undefined) throw unusable;
    return { ...facts, reasoning, usage: usageOf(usage) };
  }

  succeed(): void {
    this.end();
    this.settle?.resolve();
    void this.parts.return?.()?.catch(() => undefined);
  }

  /** Ends the request, when it is still running. */
  fail(error: unknown): void {
    this.end();
    this.controller.abort(error);
    // Lets a provider that is waiting to be read on clean up; what it has to say now interests nobody.
    this.parts.return?.()?.catch(() => undefined);
    this.settle?.reject(error);
  }

  /** How long the next part may take: until something comes at all, between parts, until the first word. */
  private limit(): { readonly limitMs: number; readonly scope: Scope } {
    const { firstToken, idle, firstText } = this.target.options.timeouts;
    const limitMs = this.scope === 'idle' ? idle : firstToken;
    if (firstText === undefined || this.answer.text !== '' || this.answer.toolCalls.length > 0)
      return { limitMs, scope: this.scope };
    const left = Math.max(0, this.startedAt + firstText - this.clock.now());
    return left < limitMs ? { limitMs: left, scope: 'first_item' } : { limitMs, scope: this.scope };
  }

  private nextPart(): Promise<ModelPart | undefined> {
    const { signal } = this.controller;
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    this.watch();
    return new Promise((resolve, reject) => {
      this.waiting = reject;
      this.parts.next().then(
        ({ done, value }) => {
          this.deadline = Infinity;
          resolve(done === true ? undefined : value);
        },
        (error: unknown) => {
          this.deadline = Infinity;
          reject((signal.aborted ? signal.reason : error) as Error);
        },
      );
    });
  }

  /** One timer for the whole stream, which looks again when its time was moved: one for each part would cost more than the part. */
  private watch(): void {
    const { limitMs, scope } = this.limit();
    this.deadline = this.clock.now() + limitMs;
    this.timeout = () => new TimeoutError(circuitNameOf(this.target.options), scope, limitMs);
    if (this.timer === undefined || this.deadline < this.firesAt) this.arm(limitMs);
  }

  private arm(delayMs: number): void {
    this.timer?.cancel();
    this.firesAt = this.clock.now() + delayMs;
    this.timer = this.clock.setTimer(() => {
      this.timer = undefined;
      if (this.deadline === Infinity) return;
      const leftMs = this.deadline - this.clock.now();
      if (leftMs > 0) this.arm(leftMs);
      else this.controller.abort(this.timeout());
    }, delayMs);
  }

  private end(): void {
    this.deadline = Infinity;
    this.timer?.cancel();
    this.unfollow();
  }
}
