import { Observable } from 'rxjs';

import type { Attempt } from './attempt-state.js';
import { classifyError } from './classifier/classify-error.js';
import type { Execution } from './execution.js';
import type { PermitStage } from './stages.js';

/** All permits that an attempt needs while it runs, in their order: a token of the rate limit, then a place in the bulkhead. */
export class Permits {
  /** Some of them learn from what attempts fail with. */
  readonly learns: boolean;

  private constructor(private readonly stages: readonly PermitStage[]) {
    this.learns = stages.some(({ learn }) => learn !== undefined);
  }

  /** `undefined` for a policy that needs none. */
  static of(...stages: readonly (PermitStage | undefined)[]): Permits | undefined {
    const needed = stages.filter((stage) => stage !== undefined);
    return needed.length === 0 ? undefined : new Permits(needed);
  }

  /** All of them or none, without waiting. Hot path: runs on every call of a policy that limits. */
  tryAcquire(args: readonly unknown[], now: number): boolean {
    const { stages } = this;
    for (let held = 0; held < stages.length; held++) {
      if (this.take(held, args, now)) continue;
      while (held-- > 0) stages[held]?.refund(args, now);
      return false;
    }
    return true;
  }

  /** Of an attempt that holds all of them and never ran. */
  refund(args: readonly unknown[], now: number): void {
    for (const stage of this.stages) stage.refund(args, now);
  }

  /** Waits in line for one after the other; completes when all are held. Unsubscribing before gives back what is held. */
  acquire({ execution }: Attempt): Observable<never> {
    const { context } = execution.parts;
    return new Observable((subscriber) => {
      let held = 0;
      let leave = (): void => undefined;
      const next = (): void => {
        const stage = this.stages[held];
        if (stage === undefined) return subscriber.complete();
        const before = held;
        const giveUp = stage.acquire(execution, (refusal) => {
          if (refusal !== undefined) return subscriber.error(refusal);
          // A `key` or `cost` that was asked on the way may have ended the call.
          if (subscriber.closed) return stage.refund(execution.args, context.clock.now());
          held++;
          next();
        });
        if (held === before) leave = giveUp;
        if (subscriber.closed) giveUp();
      };
      subscriber.add(() => {
        if (held === this.stages.length) return;
        leave();
        // An attempt that never ran used nothing up.
        for (let index = 0; index < held; index++) this.stages[index]?.refund(execution.args, context.clock.now());
      });
      next();
    });
  }

  /** @returns what the call goes on with: this error, or that of a predicate of the user's that gave no answer */
  learn(execution: Execution, error: unknown, now: number): unknown {
    try {
      for (const stage of this.stages) stage.learn?.(execution, error, now);
      return error;
    } catch (noAnswer) {
      return noAnswer;
    }
  }

  /**
   * After an attempt that took so long. What it failed with at once says nothing about how long attempts take, a timeout does.
   * @param failure undefined for a success
   */
  ended(durationMs: number, failure?: { readonly error: unknown }): void {
    for (const stage of this.stages) {
      const tells = stage.measures && (failure === undefined || classifyError(failure.error).reason === 'timeout');
      stage.release(tells ? durationMs : undefined);
    }
  }

  /** After one that was given up. */
  release(): void {
    for (const stage of this.stages) stage.release();
  }

  /** A `key` or `cost` that throws is met again by {@link acquire}, where its error is the attempt's. */
  private take(index: number, args: readonly unknown[], now: number): boolean {
    try {
      return this.stages[index]?.tryAcquire(args, now) === true;
    } catch {
      return false;
    }
  }
}
