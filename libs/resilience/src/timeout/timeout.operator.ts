import { defer, type MonoTypeOperatorFunction, throwError, timeout } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import { failWhen } from '../engine/operator-lane.js';
import type { TimeoutScope, TimeoutStage } from '../engine/stages.js';

/** RxJS `timeout` per attempt: until the first item, then between items. Aborts the attempt's signal. */
export function attemptTimeout<T>(
  stage: TimeoutStage,
  execution: Execution,
  firstScope: TimeoutScope,
): MonoTypeOperatorFunction<T> {
  return (source) =>
    defer(() => {
      const next = execution.upcoming;
      const firstMs = execution.streaming ? stage.firstItemMs(next) : stage.attemptMs(next);
      const idleMs = execution.streaming ? stage.idleMs : Infinity;
      if (firstMs === Infinity && idleMs === Infinity) return source;
      return source.pipe(
        timeout({
          // Also when it is Infinity: without it RxJS would apply `each` to the first item.
          first: firstMs,
          ...(idleMs !== Infinity && { each: idleMs }),
          scheduler: execution.parts.context.scheduler,
          with: ({ seen }) =>
            throwError(() => {
              const error =
                seen > 0
                  ? stage.exceeded(execution, 'idle', idleMs)
                  : stage.exceeded(execution, execution.streaming ? firstScope : 'attempt', firstMs);
              execution.attempt?.abort(error);
              return error;
            }),
        }),
      );
    });
}

/** Ends the whole call, in an attempt or in a wait. What the direct lane has used up already is taken off. */
export function totalTimeout<T>(stage: TimeoutStage, execution: Execution): MonoTypeOperatorFunction<T> {
  if (stage.totalMs === Infinity) return (source) => source;
  const { clock } = execution.parts.context;
  return failWhen((fail) => {
    if (execution.expired) return () => undefined;
    const remainingMs = Math.max(0, stage.totalMs - (clock.now() - execution.startedAt));
    const timer = clock.setTimer(() => {
      const error = stage.exceeded(execution, 'total', stage.totalMs);
      if (execution.running) {
        execution.attempt?.abort(error);
        execution.attemptFailed(error);
      }
      fail(error);
    }, remainingMs);
    return () => timer.cancel();
  });
}
