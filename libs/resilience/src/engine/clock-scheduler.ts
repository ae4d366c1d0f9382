import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';

import { bindContext } from './async-context.js';
import type { Clock } from './clock.js';

/** Lets RxJS operators (`timeout`, `timer`) run on an injected clock. */
export class ClockScheduler implements SchedulerLike {
  constructor(private readonly clock: Clock) {}

  now(): number {
    return this.clock.now();
  }

  schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay = 0, state?: T): Subscription {
    const subscription = new Subscription() as SchedulerAction<T>;
    const arm = (nextState: T | undefined, delayMs: number): Subscription => {
      // A clock may run callbacks in a context of its own; what follows belongs to whoever scheduled it.
      const run = bindContext(() => {
        if (!subscription.closed) work.call(subscription, nextState);
      });
      if (delayMs === Infinity) return subscription;
      const timer = this.clock.setTimer(run, delayMs);
      subscription.add(() => timer.cancel());
      return subscription;
    };
    subscription.schedule = (nextState, nextDelay = 0) => arm(nextState, nextDelay);
    return arm(state, delay);
  }
}
