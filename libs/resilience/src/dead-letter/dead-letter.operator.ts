import { catchError, concatMap, from, map, type MonoTypeOperatorFunction, of, switchMap, throwError } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import type { DeadLetterStage } from '../engine/stages.js';

/** Keeps what is left when everything else failed; the caller hears of it only after it is durable. */
export function keepFailures<T>(stage: DeadLetterStage, execution: Execution): MonoTypeOperatorFunction<T> {
  return (source) => {
    const values = stage.capturesRescued ? source.pipe(keepRescued<T>(stage, execution)) : source;
    return values.pipe(
      catchError((error: unknown) =>
        from(stage.keep(execution, error)).pipe(
          // Only a call that is safe may look as if it had succeeded: a handler would acknowledge its message.
          switchMap((kept) => (kept && !stage.rethrow ? of(undefined as T) : throwError(() => error))),
        ),
      ),
    );
  };
}

function keepRescued<T>(stage: DeadLetterStage, execution: Execution): MonoTypeOperatorFunction<T> {
  let kept = false;
  return concatMap((value: T) => {
    if (kept || execution.rescuedBy === 0) return of(value);
    kept = true;
    return from(stage.keep(execution, execution.lastError)).pipe(map(() => value));
  });
}
