import { catchError, defer, map, type MonoTypeOperatorFunction, of, retry, throwError } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import { pauseObservable } from '../engine/pause.js';
import { GIVE_UP, RejectedResult, type RetryStage } from '../engine/stages.js';

/**
 * RxJS `retry` whose notifier asks the policy. Only the first item can be refused by `retryOnResult`: after it the consumer
 * has seen something, and a stream that was seen is never played again.
 */
export function retryWith<T>(stage: RetryStage, execution: Execution): MonoTypeOperatorFunction<T> {
  return (source) =>
    source.pipe(
      map((value) => {
        if (!execution.emitted && stage.rejectsResult?.(value) === true) {
          // To the circuit this attempt has ended with a value, not been cancelled: `recordResult` judges it.
          execution.attemptSucceeded(value);
          throw new RejectedResult(value);
        }
        execution.emitted = true;
        return value;
      }),
      retry({
        delay: (failure: unknown) =>
          defer(() => {
            const delayMs = stage.plan(execution, failure);
            if (delayMs === GIVE_UP) return throwError(() => failure);
            return delayMs === 0 ? of(undefined) : pauseObservable(execution, delayMs);
          }),
      }),
      catchError((failure: unknown) =>
        failure instanceof RejectedResult ? of(failure.value as T) : throwError(() => failure),
      ),
    );
}
