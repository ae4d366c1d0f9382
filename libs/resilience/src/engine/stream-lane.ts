import type { AsyncResource } from 'node:async_hooks';

import { defer, Observable, type Subscriber, type Subscription } from 'rxjs';

import { captureContext } from './async-context.js';
import type { Attempt } from './attempt-state.js';
import type { DeadlineNode, DeadlineQueue } from './deadlines.js';
import { Execution } from './execution.js';
import { openMethod } from './method-call.js';
import { type OpenAttempt, runOperators } from './operator-lane.js';
import { type Method, needsOperators, type PipelineParts } from './pipeline-parts.js';
import { RejectedResult } from './stages.js';

/**
 * An Observable or handler whose first attempt may succeed: one subscription instead of a chain of operators. The first failure
 * hands over to the operators; limits that outlast the first item, or a caller who may abort, start there.
 */
export function runStream(execution: Execution, open: OpenAttempt): Observable<unknown> {
  const { timeout, retry, deadLetter } = execution.parts;
  const outlasting = timeout !== undefined && (timeout.totalMs !== Infinity || timeout.idleMs !== Infinity);
  const simple =
    !outlasting &&
    deadLetter?.capturesRescued !== true &&
    execution.callerSignal === undefined &&
    execution.parts.context.tracer === undefined &&
    execution.retries === 0 &&
    !needsOperators(execution.parts);
  return new Observable((subscriber) => {
    retry?.begin();
    if (!simple) return runOperators(execution, open).subscribe(subscriber);
    const first = new FirstAttempt(execution, open, subscriber);
    subscriber.add(() => first.left());
    first.start();
    return undefined;
  });
}

/** A method that returns an Observable: called anew for each subscriber. @param first what it returned before its kind was known */
export function observeMethod(
  parts: PipelineParts,
  method: Method,
  self: unknown,
  args: readonly unknown[],
  first?: { readonly answer: unknown; readonly execution: Execution },
): Observable<unknown> {
  let given = first;
  return defer(() => {
    const shown = given && { answer: given.answer, running: false };
    const execution = given?.execution ?? new Execution(parts, self, args, parts.context.clock.now());
    given = undefined;
    execution.streaming = true;
    return runStream(execution, openMethod(execution, method, shown));
  });
}

class FirstAttempt implements DeadlineNode {
  dueAt = 0;
  earlier: DeadlineNode | undefined = undefined;
  later: DeadlineNode | undefined = undefined;
  private ended = false;
  private last: unknown = undefined;
  private subscription: Subscription | undefined = undefined;
  private queue: DeadlineQueue | undefined = undefined;
  private scope: AsyncResource | undefined = undefined;
  private attempt: Attempt | undefined = undefined;

  constructor(
    private readonly execution: Execution,
    private readonly open: OpenAttempt,
    private readonly subscriber: Subscriber<unknown>,
  ) {}

  start(): void {
    const { execution } = this;
    const { context, timeout } = execution.parts;
    const now = context.clock.now();
    context.shutdown.enter();
    const attempt = (this.attempt = execution.begin(now));
    execution.lane = this;
    const queue = (this.queue = timeout?.firstItemQueue ?? context.deadlines.endless);
    queue.add(this, now);
    if (timeout !== undefined) {
      this.scope = captureContext();
      if (execution.parts.permits !== undefined) {
        attempt.onWaiting = (waiting) => (waiting ? queue.remove(this) : queue.add(this, context.clock.now()));
      }
    }
    let source: Observable<unknown>;
    try {
      source = this.open(attempt);
    } catch (error) {
      return this.error(error);
    }
    const subscription = source.subscribe(this);
    if (this.ended) subscription.unsubscribe();
    else this.subscription = subscription;
  }

  next(value: unknown): void {
    if (this.ended) return;
    const { execution } = this;
    this.last = value;
    if (!execution.emitted) {
      this.outlastDeadline();
      if (this.refuses(value)) return;
      execution.emitted = true;
      if (this.attempt !== undefined) this.attempt.emitted = true;
    }
    this.subscriber.next(value);
  }

  error(error: unknown): void {
    if (this.end()) this.handOver(this.attempt?.failed(error) ?? error);
  }

  complete(): void {
    if (!this.end()) return;
    const { execution } = this;
    const { parts } = execution;
    try {
      this.attempt?.succeeded(this.last);
    } catch (noAnswer) {
      return this.handOver(noAnswer);
    }
    this.settle(true);
    parts.stats.finish(true, execution.entered, parts.context.clock.now() - execution.startedAt);
    this.subscriber.complete();
  }

  onDeadline(): void {
    const { execution } = this;
    const { timeout } = execution.parts;
    if (timeout === undefined || this.ended) return;
    this.scope?.runInAsyncScope(() => {
      const error = timeout.exceeded(execution, timeout.firstItemScope, this.queue?.durationMs ?? 0);
      this.attempt?.abort(error);
      this.error(error);
    });
  }

  onGivenUp(): void {
    if (this.ended) return;
    const error = this.execution.giveUp();
    this.attempt?.abort(error);
    this.error(error);
  }

  /** The client behind the connection has left: nobody is served, and this was no call that ended. */
  callerLeft(): void {
    if (this.ended) return;
    const reason = this.execution.abortReason;
    this.left();
    this.subscriber.error(reason);
  }

  /** The consumer is gone: served if it saw anything, otherwise this was no call that ended. */
  left(): void {
    if (!this.end()) return;
    const { execution } = this;
    const { parts } = execution;
    this.attempt?.cancelled();
    this.settle(false);
    if (execution.emitted) parts.stats.finish(true, execution.entered, parts.context.clock.now() - execution.startedAt);
  }

  /** Nothing limits the time between items here, but a shutdown must still find the call. */
  private outlastDeadline(): void {
    const { deadlines, clock } = this.execution.parts.context;
    if (this.queue === deadlines.endless) return;
    this.queue?.remove(this);
    this.queue = deadlines.endless;
    this.queue.add(this, clock.now());
  }

  /** Whether `retryOnResult` sends the first item back. */
  private refuses(value: unknown): boolean {
    const { retry } = this.execution.parts;
    if (retry?.rejectsResult === undefined) return false;
    try {
      if (!retry.rejectsResult(value)) return false;
    } catch (error) {
      this.error(error);
      return true;
    }
    this.end();
    let failure: unknown = new RejectedResult(value);
    try {
      this.attempt?.succeeded(value);
    } catch (noAnswer) {
      failure = noAnswer;
    }
    this.handOver(failure);
    return true;
  }

  private handOver(failure: unknown): void {
    runOperators(this.execution, this.open, { failure }).subscribe(this.subscriber);
    this.execution.parts.context.shutdown.leave();
  }

  private end(): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.queue?.remove(this);
    this.subscription?.unsubscribe();
    return true;
  }

  private settle(completed: boolean): void {
    const { parts } = this.execution;
    parts.retry?.end(completed ? undefined : this.execution);
    parts.context.shutdown.leave();
  }
}
