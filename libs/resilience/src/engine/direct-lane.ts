import type { AsyncResource } from 'node:async_hooks';

import { lastValueFrom, type Observable } from 'rxjs';

import { captureContext } from './async-context.js';
import type { Attempt } from './attempt-state.js';
import type { DeadlineNode } from './deadlines.js';
import { Execution, signalAmong } from './execution.js';
import { openMethod } from './method-call.js';
import { runOperators } from './operator-lane.js';
import type { Method, PipelineParts } from './pipeline-parts.js';
import { type CircuitBreaker, RejectedResult } from './stages.js';

type Settle = (value: unknown) => void;

let resolveOf: Settle;
let rejectOf: Settle;
/** One executor for all promises: a closure per call would be garbage per call. */
function capture(resolve: Settle, reject: Settle): void {
  resolveOf = resolve;
  rejectOf = reject;
}

/**
 * A promise-returning call whose first attempt may succeed: no operator, timer, event or AbortController is made for it.
 * The first failure hands over to the operators. The shape of this file is for speed: bench/success-path proves it.
 */
export class DirectCall implements DeadlineNode {
  dueAt = 0;
  earlier: DeadlineNode | undefined = undefined;
  later: DeadlineNode | undefined = undefined;
  private settled = false;
  private resolve: Settle | undefined = undefined;
  private reject: Settle | undefined = undefined;
  private scope: AsyncResource | undefined = undefined;

  constructor(
    private readonly parts: PipelineParts,
    private readonly method: Method,
    private readonly self: unknown,
    private readonly args: readonly unknown[],
    private readonly startedAt: number,
    private readonly breaker: CircuitBreaker | undefined,
    private readonly permit: number,
    /** Made beforehand only for a method that takes its attempt, or a replay. */
    private readonly execution: Execution | undefined,
  ) {}

  /** Follows the first attempt's promise. */
  follow(outcome: PromiseLike<unknown>): Promise<unknown> {
    const answer = new Promise(capture);
    this.resolve = resolveOf;
    this.reject = rejectOf;
    const queue = this.parts.timeout?.firstQueue;
    if (queue !== undefined) {
      // The queue's one timer belongs to whoever armed it; a retry after a timeout must run in this caller's async context.
      this.scope = captureContext();
      queue.add(this, this.startedAt);
    } else {
      this.parts.context.deadlines.endless.add(this, this.startedAt);
    }
    this.parts.context.shutdown.enter();
    // As `await` does it: a subclass has a `then` of its own, which may throw.
    this.drive(Promise.resolve(outcome));
    return answer;
  }

  onDeadline(): void {
    const timeout = this.parts.timeout;
    if (timeout === undefined) return;
    this.scope?.runInAsyncScope(() => {
      const execution = this.takeOver();
      const error = timeout.exceeded(execution, timeout.firstScope, timeout.firstQueue?.durationMs ?? 0);
      execution.expired = timeout.firstScope === 'total';
      execution.attempt?.abort(error);
      this.failed(error, execution);
    });
  }

  onGivenUp(): void {
    const execution = this.takeOver();
    const error = execution.giveUp();
    execution.attempt?.abort(error);
    this.failed(error, execution);
  }

  /** Two reactions instead of an async function, which costs a fifth of the call. */
  private drive(outcome: Promise<unknown>): void {
    outcome.then(
      (value) => {
        if (!this.settled) this.judge(value);
      },
      (error: unknown) => {
        if (!this.settled) this.failed(error, undefined);
      },
    );
  }

  private judge(value: unknown): void {
    try {
      this.succeeded(value);
    } catch (error) {
      // A predicate of the user's (`recordResult`, `retryOnResult`) threw: its error is the call's.
      const { retry, stats, context } = this.parts;
      if (!this.settled) this.giveBack();
      retry?.end(undefined);
      stats.finish(false, 1, context.clock.now() - this.startedAt);
      context.shutdown.leave();
      this.reject?.(error);
    }
  }

  private succeeded(value: unknown): void {
    const { parts } = this;
    (parts.timeout?.firstQueue ?? parts.context.deadlines.endless).remove(this);
    const now = parts.context.clock.now();
    this.breaker?.succeed(this.permit, this.startedAt, now, value);
    this.settled = true;
    parts.permits?.ended(now - this.startedAt);
    this.execution?.attempt?.detach();
    const retry = parts.retry;
    if (retry !== undefined) {
      if (retry.rejectsResult?.(value) === true) return this.hand(new RejectedResult(value), this.takeOver());
      retry.end(undefined);
    }
    parts.stats.finish(true, 1, now - this.startedAt);
    parts.context.shutdown.leave();
    this.resolve?.(value);
  }

  private failed(error: unknown, execution: Execution | undefined): void {
    const { parts } = this;
    (parts.timeout?.firstQueue ?? parts.context.deadlines.endless).remove(this);
    const now = parts.context.clock.now();
    let told = this.tellCircuit(error, now, (execution ?? this.execution)?.attempt);
    let owner = execution;
    if (parts.permits?.learns === true) told = parts.permits.learn((owner ??= this.takeOver()), told, now);
    this.settled = true;
    parts.permits?.ended(now - this.startedAt, { error: told });
    this.execution?.attempt?.detach();
    if (parts.retry === undefined && parts.fallback === undefined && parts.deadLetter === undefined) {
      parts.stats.finish(false, 1, now - this.startedAt);
      parts.context.shutdown.leave();
      return this.reject?.(told);
    }
    this.hand(told, owner ?? this.takeOver());
  }

  private giveBack(): void {
    this.settled = true;
    this.parts.permits?.release();
    this.execution?.attempt?.detach();
  }

  /** @returns what the call goes on with: this error, or that of a predicate of the circuit's that gave no answer */
  private tellCircuit(error: unknown, now: number, attempt: Attempt | undefined): unknown {
    if (this.breaker === undefined) return error;
    try {
      // A caller who left says nothing about the dependency, whatever the method made of it.
      const abandoned = attempt?.abandonedWith(error) ?? signalAmong(this.args)?.aborted === true;
      if (abandoned) this.breaker.release(this.permit, this.startedAt);
      else this.breaker.fail(this.permit, this.startedAt, now, error);
      return error;
    } catch (noAnswer) {
      return noAnswer;
    }
  }

  private takeOver(): Execution {
    const execution = this.execution ?? new Execution(this.parts, this.self, this.args, this.startedAt);
    execution.adopt(true).running = false;
    return execution;
  }

  private hand(failure: unknown, execution: Execution): void {
    if (failure instanceof RejectedResult) execution.record(execution.attempt, undefined);
    else execution.noteFailure(failure);
    const { resolve, reject } = this;
    if (resolve === undefined || reject === undefined) return;
    settleCall(execution, this.method, { failure }).then(resolve, reject);
    this.parts.context.shutdown.leave();
  }
}

/** The operators around a plain method, as a promise; one of an empty stream is `undefined`. */
export function settleCall(execution: Execution, method: Method, replay?: { failure: unknown }): Promise<unknown> {
  return settled(runOperators(execution, openMethod(execution, method), replay));
}

/** Like `lastValueFrom`, but an empty stream is `undefined` instead of an error. */
export function settled(source: Observable<unknown>): Promise<unknown> {
  return lastValueFrom(source, { defaultValue: undefined });
}
