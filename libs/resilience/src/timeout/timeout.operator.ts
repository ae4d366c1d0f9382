import { type MonoTypeOperatorFunction, Observable, tap, throwError, timeout } from 'rxjs';

import { bindContext } from '../engine/async-context.js';
import type { Attempt } from '../engine/attempt-state.js';
import type { TimerHandle } from '../engine/clock.js';
import type { Execution } from '../engine/execution.js';
import { failWhen } from '../engine/operator-lane.js';
import type { TimeoutScope, TimeoutStage } from '../engine/stages.js';

/** RxJS `timeout` per attempt: until the first item, then between items. Aborts the attempt's signal. */
export function attemptTimeout<T>(
  stage: TimeoutStage,
  attempt: Attempt,
  firstScope: TimeoutScope,
): MonoTypeOperatorFunction<T> {
  const { streaming, parts } = attempt.execution;
  const firstMs = streaming ? stage.firstItemMs(attempt.number) : stage.attemptMs(attempt.number);
  const idleMs = streaming ? stage.idleMs : Infinity;
  const scope = streaming ? firstScope : 'attempt';
  const expire = (seen: number): unknown => {
    const error =
      seen > 0 ? stage.exceeded(attempt.execution, 'idle', idleMs) : stage.exceeded(attempt.execution, scope, firstMs);
    attempt.abort(error);
    return error;
  };
  const limit = (first: number): MonoTypeOperatorFunction<T> =>
    first === Infinity && idleMs === Infinity
      ? (source) => source
      : timeout({
          // Also when it is Infinity: without it RxJS would apply `each` to the first item.
          first,
          ...(idleMs !== Infinity && { each: idleMs }),
          scheduler: parts.context.scheduler,
          with: ({ seen }) => throwError(() => expire(seen)),
        });
  if (parts.permits === undefined || firstMs === Infinity) return limit(firstMs);
  const pausable = pausableLimit<T>(attempt, firstMs, () => expire(0));
  return (source) => pausable(source.pipe(limit(Infinity)));
}

/** RxJS `timeout` cannot stand still while the attempt waits for a permit. */
function pausableLimit<T>(attempt: Attempt, firstMs: number, expire: () => unknown): MonoTypeOperatorFunction<T> {
  const { clock } = attempt.execution.parts.context;
  return (source) =>
    new Observable((subscriber) => {
      let timer: TimerHandle | undefined;
      const fail = bindContext(() => subscriber.error(expire()));
      const disarm = (): void => timer?.cancel();
      const arm = (): void => void (timer = clock.setTimer(fail, firstMs));
      attempt.onWaiting = (waiting) => (waiting ? disarm() : arm());
      arm();
      subscriber.add(disarm);
      source.pipe(tap(disarm)).subscribe(subscriber);
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
      for (const attempt of execution.running()) {
        attempt.abort(error);
        attempt.failed(error);
      }
      fail(error);
    }, remainingMs);
    return () => timer.cancel();
  });
}
