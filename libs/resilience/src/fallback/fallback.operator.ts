import { catchError, defer, map, type MonoTypeOperatorFunction, type Observable, tap, throwError } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import { refusal } from '../engine/operator-lane.js';
import { OpenStream, StreamInstead } from '../engine/shape.js';
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
    source.pipe(
      refuseFirst(stage, execution),
      catchError((error: unknown) => (execution.emitted ? throwError(() => error) : tryFrom(error, 0))),
    );
}

/** A stream that was seen cannot be replaced, so only its first item is looked at. */
function refuseFirst<T>(stage: FallbackStage, execution: Execution): MonoTypeOperatorFunction<T> {
  const { refusesResult } = stage;
  if (refusesResult === undefined) return (source) => source;
  return map((answer: T, index) => {
    const value: unknown = answer instanceof OpenStream ? answer.first.value : answer;
    const isItem = !(answer instanceof StreamInstead) && !(answer instanceof OpenStream && answer.first.done === true);
    if (index === 0 && isItem && refusesResult(value))
      throw (execution.refused = refusal(execution, answer, '@Fallback > onResult'));
    return answer;
  });
}
