import { catchError, defer, type MonoTypeOperatorFunction, type Observable, tap, throwError } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import type { FallbackStage } from '../engine/stages.js';

/** Tries the fallbacks one after the other; when all fail the original error goes on. */
export function fallbackTo<T>(stage: FallbackStage, execution: Execution): MonoTypeOperatorFunction<T> {
  const tryFrom = (original: unknown, after: number): Observable<T> => {
    const step = stage.next(execution, original, after);
    if (step === undefined) {
      if (execution.fallbacks.length > 0) stage.failed(execution, original);
      return throwError(() => original);
    }
    let answered = false;
    return defer(() => execution.shape(execution.within(step.run), execution) as Observable<T>).pipe(
      tap({
        next: () => {
          if (!answered) stage.used(execution, step);
          answered = true;
        },
        complete: () => {
          if (!answered) stage.used(execution, step);
        },
      }),
      catchError((error: unknown) => {
        if (answered) return throwError(() => error);
        execution.fallbacks.push({ level: step.level, name: step.name, error });
        return tryFrom(original, step.level);
      }),
    );
  };
  return (source) =>
    source.pipe(catchError((error: unknown) => (execution.emitted ? throwError(() => error) : tryFrom(error, 0))));
}
