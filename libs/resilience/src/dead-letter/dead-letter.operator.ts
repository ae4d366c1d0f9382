import { catchError, concatMap, from, map, type MonoTypeOperatorFunction, of, switchMap, throwError } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import type { DeadLetterStage } from '../engine/stages.js';

/** Keeps what is left when everything else failed; the caller hears of it only after it is durable. */
export function keepFailures<T>(stage: DeadLetterStage, execution: Execution): MonoTypeOperatorFunction<T> {
  return (source) => {
    const values = stage.capturesRescued ? source.pipe(keepRescued<T>(stage, execution)) : source;
    return values.pipe(
      catchError((error: unknown) => {
        const kept = stage.keep(execution, error);
        // Thrown even where `rethrow` is false: nobody can wait here until the entry is durable, and until then nothing is safe.
        if (!execution.canWait) return throwError(() => error);
        return from(kept).pipe(
          // Only a call that is safe may look as if it had succeeded: a handler would acknowledge its message.
          switchMap((safe) => (safe && !stage.rethrow ? of(undefined as T) : throwError(() => error))),
        );
      }),
    );
  };
}

function keepRescued<T>(stage: DeadLetterStage, execution: Execution): MonoTypeOperatorFunction<T> {
  let kept = false;
  return concatMap((value: T) => {
    if (kept || execution.rescuedBy === 0) return of(value);
    kept = true;
    const keeping = stage.keep(execution, execution.lastError);
    return execution.canWait ? from(keeping).pipe(map(() => value)) : of(value);
  });
}
