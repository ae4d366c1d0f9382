import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import type { HedgeStage } from '../engine/stages.js';
import { HedgeRace } from './hedge-race.js';

/**
 * Lets attempts race: another one joins each time nothing has come for a while. Each subscription to the source is an attempt.
 * A failure never starts one: trying again after an error is the business of retries, outside of this.
 */
export function hedgeWith<T>(stage: HedgeStage, execution: Execution): MonoTypeOperatorFunction<T> {
  return (source) =>
    new Observable((subscriber) => {
      const race = new HedgeRace(stage, execution, source, subscriber);
      // Before the start: a consumer may leave while the first attempt still emits synchronously.
      subscriber.add(() => race.end());
      race.start();
    });
}
