import { type Clock, onAbort, TimeoutError } from '@nest-resilience/core';
import { LlmInvalidAnswerError, LlmRefusedError } from '../llm.errors.js';
import { circuitNameOf } from '../options/resolved-options.js';
import type { ProviderStreamPart } from '../providers/provider.js';
import type { LlmTarget } from './llm-target.js';

/** Of a stream whose connection was closed in good order, but too soon. */
export function endedEarly(): Error {
  const error = new Error('the connection ended before the provider said that it was done');
  return Object.assign(error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}

/** One stream of one target. Every wait for the next part has a limit; the provider is let go as soon as nobody reads on. */
export class LiveStream {
  private readonly controller = new AbortController();
  private readonly parts: AsyncIterator<ProviderStreamPart>;
  private readonly unfollow: () => void;
  private settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  /** Settles when the reader is done with it. */
  readonly ended: Promise<void>;

  constructor(
    readonly target: LlmTarget,
    open: (signal: AbortSignal) => AsyncIterable<ProviderStreamPart>,
    attemptSignal: AbortSignal,
    private readonly clock: Clock,
  ) {
    this.ended = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Without an awaiting attempt (its circuit was reset, the caller left) nobody else would hear of it.
    this.ended.catch(() => undefined);
    const abort = () => this.controller.abort(attemptSignal.reason);
    if (attemptSignal.aborted) abort();
    this.unfollow = onAbort(attemptSignal, abort);
    this.parts = open(this.controller.signal)[Symbol.asyncIterator]();
  }

  /** The first words. Until they are here, another attempt or another target may take over. */
  async first(): Promise<string> {
    const { name, model, timeouts } = this.target.options;
    const part = await this.within(timeouts.firstToken, 'first_item');
    if (part?.type === 'text') return part.text;
    if (part === undefined) throw endedEarly();
    if (part.finishReason === 'content-filter') throw new LlmRefusedError(name, model);
    throw new LlmInvalidAnswerError(name, model, ['the stream ended without a word'], '');
  }

  /** The next part; `undefined` after the last. */
  next(): Promise<ProviderStreamPart | undefined> {
    return this.within(this.target.options.timeouts.idle, 'idle');
  }

  succeed(): void {
    this.unfollow();
    this.settle?.resolve();
  }

  /** Ends the request, when it is still running. */
  fail(error: unknown): void {
    this.unfollow();
    this.controller.abort(error);
    // Lets a provider that is waiting to be read on clean up; what it has to say now interests nobody.
    this.parts.return?.()?.catch(() => undefined);
    this.settle?.reject(error);
  }

  private within(limitMs: number, scope: 'first_item' | 'idle'): Promise<ProviderStreamPart | undefined> {
    return new Promise((resolve, reject) => {
      const { signal } = this.controller;
      const done = () => {
        timer.cancel();
        unlisten();
      };
      const aborted = () => {
        done();
        reject(signal.reason);
      };
      const timer = this.clock.setTimer(
        () => this.controller.abort(new TimeoutError(circuitNameOf(this.target.options), scope, limitMs)),
        limitMs,
      );
      const unlisten = onAbort(signal, aborted);
      if (signal.aborted) return aborted();
      this.parts.next().then(
        ({ done: over, value }) => {
          done();
          resolve(over === true ? undefined : value);
        },
        (error: unknown) => {
          done();
          reject(signal.aborted ? signal.reason : error);
        },
      );
    });
  }
}
