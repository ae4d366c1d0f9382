import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';

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
      const timer = this.clock.setTimer(() => {
        if (!subscription.closed) work.call(subscription, nextState);
      }, delayMs);
      subscription.add(() => timer.cancel());
      return subscription;
    };
    subscription.schedule = (nextState, nextDelay = 0) => arm(nextState, nextDelay);
    return arm(state, delay);
  }
}
