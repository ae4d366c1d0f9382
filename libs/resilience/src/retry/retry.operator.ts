import { defer, type MonoTypeOperatorFunction, of, retry, throwError } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import { pauseObservable } from '../engine/pause.js';
import { GIVE_UP, type RetryStage } from '../engine/stages.js';

/** RxJS `retry` whose notifier asks the policy. */
export function retryWith<T>(stage: RetryStage, execution: Execution): MonoTypeOperatorFunction<T> {
  return retry({
    delay: (failure: unknown) =>
      defer(() => {
        const delayMs = stage.plan(execution, failure);
        if (delayMs === GIVE_UP) return throwError(() => failure);
        return delayMs === 0 ? of(undefined) : pauseObservable(execution, delayMs);
      }),
  });
}
