import { defer, from, isObservable, type MonoTypeOperatorFunction, Observable, of, tap, throwError } from 'rxjs';

import type { Attempt } from './attempt-state.js';
import type { Execution } from './execution.js';
import { isAsyncIterable, isThenable } from './return-kind.js';
import { RejectedResult } from './stages.js';

/** Starts one attempt: admits it at the moment the method is reached, then calls it. */
export type OpenAttempt = (attempt: Attempt) => Observable<unknown>;

/**
 * The pipeline as RxJS operators, in the one fixed order (outermost last):
 * attempt timeout, verdict for the circuit, retry, total timeout, caller's abort, fallback, dead letter, accounts.
 * @param replay the failure of a first attempt that the direct lane ran already
 */
export function runOperators(
  execution: Execution,
  open: OpenAttempt,
  replay?: { failure: unknown },
): Observable<unknown> {
  const { timeout, retry, fallback, deadLetter, context } = execution.parts;
  const attempt = defer(() => open(execution.begin(context.clock.now()))).pipe(
    timeout?.attemptOperator(execution) ?? unchanged,
    judge(execution),
  );
  let pending = replay;
  const attempts = defer(() => {
    if (pending === undefined) return attempt;
    const { failure } = pending;
    pending = undefined;
    return failure instanceof RejectedResult ? of(failure.value) : throwError(() => failure);
  });
  return attempts.pipe(
    retry?.operator(execution) ?? noteEmission(execution),
    timeout?.totalOperator(execution) ?? unchanged,
    failOnAbort(execution),
    fallback?.operator(execution) ?? unchanged,
    deadLetter?.operator(execution) ?? unchanged,
    account(execution),
  );
}

const unchanged: MonoTypeOperatorFunction<unknown> = (source) => source;

function noteEmission(execution: Execution): MonoTypeOperatorFunction<unknown> {
  return tap(() => void (execution.emitted = true));
}

/** Anything a method may return, as a stream. */
export function toObservable(result: unknown): Observable<unknown> {
  if (isObservable(result)) return result;
  if (isThenable(result)) return from(Promise.resolve(result));
  return isAsyncIterable(result) ? from(result) : of(result);
}

/** Reports each attempt's end to its circuit. */
function judge(execution: Execution): MonoTypeOperatorFunction<unknown> {
  return (source) => {
    let last: unknown;
    return source.pipe(
      tap({
        next: (value) => void (last = value),
        error: (error) => execution.attemptFailed(error),
        complete: () => execution.attemptSucceeded(last),
        unsubscribe: () => execution.attemptCancelled(),
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
    const signal = execution.callerSignal;
    if (signal === undefined) return () => undefined;
    const onAbort = (): void => {
      execution.attempt?.abort(signal.reason);
      fail(signal.reason);
    };
    if (signal.aborted) {
      onAbort();
      return () => undefined;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    return () => signal.removeEventListener('abort', onAbort);
  });
}

/** Counts the call once, however many attempts it took. */
function account(execution: Execution): MonoTypeOperatorFunction<unknown> {
  const { stats, retry, context } = execution.parts;
  const finish = (succeeded: boolean): void => {
    retry?.end(execution);
    context.shutdown.leave();
    if (execution.bypassed) return;
    stats.finish(succeeded, execution.entered, context.clock.now() - execution.startedAt);
    if (succeeded && execution.attempts > 1 && execution.rescuedBy === 0) retry?.recovered(execution);
  };
  return tap({
    subscribe: () => context.shutdown.enter(),
    error: () => finish(false),
    complete: () => finish(true),
    // A consumer that took what it wanted (`take(1)`) was served; one that left empty-handed made no call that ended.
    unsubscribe: () => {
      if (execution.emitted || execution.rescuedBy > 0) return finish(true);
      retry?.end(execution);
      context.shutdown.leave();
    },
  });
}
