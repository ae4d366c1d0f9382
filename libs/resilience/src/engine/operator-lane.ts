import { catchError, defer, finalize, map, type MonoTypeOperatorFunction, Observable, of, tap, throwError } from 'rxjs';

import { onAbort } from './abort-listeners.js';
import type { Attempt } from './attempt-state.js';
import { ResultRejectedError } from './errors.js';
import type { Execution } from './execution.js';
import { opening, OpenStream, StreamInstead, Unfinished } from './shape.js';
import { RejectedResult } from './stages.js';
import { CANCELLED, SUCCESSFUL, type TraceEnding } from './tracing.js';

/** Starts one attempt: admits it at the moment the method is reached, then calls it. */
export type OpenAttempt = (attempt: Attempt) => Observable<unknown>;

/**
 * The pipeline as RxJS operators, in the one fixed order (outermost last): attempt timeout, verdict for the circuit, hedge,
 * retry, total timeout, coalescing, cache, fallback, caller's abort, dead letter, accounts.
 * @param replay the failure of a first attempt that a faster lane ran already
 */
export function runOperators(
  execution: Execution,
  open: OpenAttempt,
  replay?: { failure: unknown },
): Observable<unknown> {
  const source = defer(() => {
    execution.trace();
    return shared(execution, open, replay);
  });
  return source.pipe(
    execution.parts.fallback?.operator(execution) ?? unchanged,
    failOnAbort(execution),
    failOnGivenUp(execution),
    execution.parts.deadLetter?.operator(execution) ?? unchanged,
    account(execution),
  );
}

const unchanged: MonoTypeOperatorFunction<unknown> = (source) => source;

/** What several calls may have in common. A handler's arguments are not known yet: see its method's own entry. */
function shared(execution: Execution, open: OpenAttempt, replay?: { failure: unknown }): Observable<unknown> {
  const { cache, coalesce, retry, context } = execution.parts;
  const sharesNothing = cache === undefined && coalesce === undefined;
  // What is read item by item is its reader's alone.
  if (sharesNothing || execution.shape === opening) return attempts(execution, open, replay);
  if (execution.handler) {
    return attempts(execution, open, replay).pipe(
      catchError((error: unknown) => {
        const stale = cache?.stale(execution, error, context.clock.now());
        return stale === undefined ? throwError(() => error) : of(stale.value);
      }),
    );
  }
  // An attempt that runs already is this call's alone, and so is one that has ended before another could come.
  const joined =
    (execution.underway || !execution.canWait ? undefined : coalesce)?.join(execution, (flight) => {
      retry?.begin();
      flight.span = execution.span;
      return attempts(flight, open).pipe(finalize(() => retry?.end(flight)));
    }) ?? attempts(execution, open, replay);
  return joined.pipe(cache?.operator(execution) ?? unchanged);
}

function attempts(execution: Execution, open: OpenAttempt, replay?: { failure: unknown }): Observable<unknown> {
  const { timeout, retry, hedge, context } = execution.parts;
  const attempt = defer(() => {
    // A function of the user's (`key`, `strategy`) may have ended the call on the way here.
    if (execution.callerSignal?.aborted === true) return throwError(() => execution.abortReason);
    const current = execution.begin(context.clock.now());
    return inSpan(
      current,
      defer(() => open(current)),
    ).pipe(timeout?.attemptOperator(current) ?? unchanged, judge(current));
  });
  const raced = attempt.pipe((execution.canWait && hedge?.operator(execution)) || unchanged);
  let pending = replay;
  return defer(() => {
    if (pending === undefined) return raced;
    const { failure } = pending;
    pending = undefined;
    return throwError(() => failure);
  }).pipe(
    tap((answer) => void (execution.emitted = !(answer instanceof StreamInstead))),
    retry?.operator(execution) ?? unchanged,
    catchError((failure: unknown) => {
      if (!(failure instanceof RejectedResult)) return throwError(() => failure);
      if (retry?.throwsResults !== true) return of(failure.value);
      return throwError(() => refusal(execution, failure.value, '@Retry > retryOnResult'));
    }),
    timeout?.totalOperator(execution) ?? unchanged,
  );
}

/** The error that a refused result becomes. Its source, if it has one, is left to itself. */
export function refusal(execution: Execution, answer: unknown, option: string): ResultRejectedError {
  const stream = answer instanceof OpenStream ? answer : undefined;
  const value: unknown = stream === undefined ? answer : stream.first.value;
  stream?.attempt?.succeeded(value);
  stream?.alone();
  execution.emitted = false;
  return (execution.lastError = new ResultRejectedError(execution.parts.name, value, option));
}

/** A stream works when it is subscribed to, which must be seen as part of the attempt as well. */
function inSpan(attempt: Attempt, source: Observable<unknown>): Observable<unknown> {
  if (attempt.span === undefined) return source;
  return new Observable((subscriber) => attempt.traced(() => source.subscribe(subscriber)));
}

/**
 * Reports the attempt's end to its circuit. Only the first item can be refused by `retryOnResult`: after it the consumer has
 * seen something, and a stream that was seen is never played again.
 */
function judge(attempt: Attempt): MonoTypeOperatorFunction<unknown> {
  const { retry } = attempt.execution.parts;
  return (source) => {
    let last: unknown;
    let unfinished = false;
    return source.pipe(
      map((answer) => {
        const value: unknown = answer instanceof OpenStream ? answer.first.value : answer;
        unfinished = isUnfinished(answer);
        if (answer instanceof StreamInstead || (answer instanceof OpenStream && !unfinished)) return answer;
        if (!attempt.emitted && retry?.rejectsResult?.(value) === true) {
          // To the circuit this attempt has ended with a value, not failed: `recordResult` judges it.
          attempt.succeeded(value);
          unfinished = false;
          throw new RejectedResult(answer instanceof OpenStream ? answer.alone() : answer);
        }
        attempt.emitted = true;
        last = value;
        return answer;
      }),
      tap({
        error: (error) => {
          if (error instanceof RejectedResult) return;
          const told = attempt.failed(error);
          if (told !== error) throw told;
        },
        complete: () => void (unfinished || attempt.succeeded(last)),
        unsubscribe: () => attempt.cancelled(),
      }),
    );
  };
}

/** Lets something outside the stream end it with an error. `arm` returns how to disarm. */
export function failWhen<T>(arm: (fail: (error: unknown) => void) => () => void): MonoTypeOperatorFunction<T> {
  return (source) =>
    new Observable((subscriber) => {
      const disarm = arm((error) => subscriber.error(error));
      subscriber.add(disarm);
      if (!subscriber.closed) source.subscribe(subscriber);
    });
}

function failOnAbort(execution: Execution): MonoTypeOperatorFunction<unknown> {
  return failWhen((fail) => {
    const { callerSignal, caller } = execution;
    const left = (): void => {
      const reason = execution.abortReason;
      for (const attempt of execution.running()) attempt.abort(reason);
      // A client that has left is no call that ended.
      if (callerSignal === undefined) execution.bypassed = true;
      fail(reason);
    };
    if (execution.aborted) left();
    else if (callerSignal !== undefined) return onAbort(callerSignal, left);
    else if (caller?.endsCall === true) return caller.onGone(left);
    return () => undefined;
  });
}

/** Also ends a fallback that is under way: there is no time left for it. */
function failOnGivenUp(execution: Execution): MonoTypeOperatorFunction<unknown> {
  return failWhen((fail) =>
    execution.parts.context.shutdown.onExpired(() => {
      const error = execution.giveUp();
      for (const attempt of execution.running()) {
        attempt.abort(error);
        attempt.failed(error);
      }
      fail(error);
    }),
  );
}

/** Counts the call once, however many attempts it took. */
export function finishCall(execution: Execution, ending: TraceEnding): void {
  const { stats, retry, context } = execution.parts;
  retry?.end(execution);
  context.shutdown.leave();
  execution.endTrace(ending);
  if (ending.outcome === 'cancelled' || execution.bypassed) return;
  const succeeded = ending.outcome === 'successful';
  stats.finish(succeeded, execution.entered, context.clock.now() - execution.startedAt, execution.retries > 0);
  if (succeeded && execution.recovered) retry?.recovered(execution);
}

function account(execution: Execution): MonoTypeOperatorFunction<unknown> {
  let unfinished = false;
  return tap({
    subscribe: () => execution.parts.context.shutdown.enter(),
    next: (answer) => void (unfinished = isUnfinished(answer)),
    error: (error) => finishCall(execution, { outcome: 'failed', error }),
    complete: () => void (unfinished || finishCall(execution, SUCCESSFUL)),
    // A consumer that took what it wanted (`take(1)`) was served; one that left empty-handed made no call that ended.
    unsubscribe: () => finishCall(execution, execution.emitted || execution.rescuedBy > 0 ? SUCCESSFUL : CANCELLED),
  });
}

function isUnfinished(answer: unknown): boolean {
  return answer instanceof Unfinished && !(answer instanceof OpenStream && answer.first.done === true);
}
