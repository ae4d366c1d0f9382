import { defer, isObservable, lastValueFrom, type Observable } from 'rxjs';

import { continueCall, DirectCall, openMethod } from './direct-lane.js';
import { Execution } from './execution.js';
import { runIterable } from './iterable-lane.js';
import { type OpenAttempt, runOperators, toObservable } from './operator-lane.js';
import { callMethod, type Method, type PipelineParts } from './pipeline-parts.js';
import { isThenable, kindOfValue, type ReturnKind } from './return-kind.js';
import type { CircuitBreaker } from './stages.js';
import { runStream } from './stream-lane.js';
import { runSync, startSync } from './sync-lane.js';

/**
 * Runs a method through its policies, in the fixed order
 * `DeadLetter(Fallback(TotalTimeout(Retry(CircuitBreaker(AttemptTimeout(method))))))`.
 *
 * Promises whose first attempt succeeds take the direct lane; everything else goes through RxJS operators, or a pull loop for
 * async iterables. The lanes share the stages, and so every decision.
 */
export class Pipeline {
  /** An undeclared method answered synchronously before: its refusals must be thrown, not promised. */
  private answersAtOnce = false;

  constructor(
    readonly parts: PipelineParts,
    private kind: ReturnKind,
  ) {}

  /** Calls the method the way it is called by its user: what it returns decides what this returns. */
  invoke(method: Method, self: unknown, args: readonly unknown[]): unknown {
    switch (this.kind) {
      case 'observable':
        return this.observe(method, self, args);
      case 'iterable':
        return runIterable(this.execution(self, args), method);
      case 'sync':
        return startSync(this.parts, method, self, args);
      default:
        return this.call(method, self, args);
    }
  }

  /** Runs a call that must not become a dead letter a second time. */
  replay(method: Method, self: unknown, args: readonly unknown[]): Promise<unknown> {
    const execution = this.execution(self, args);
    execution.replayed = true;
    this.parts.retry?.begin();
    return this.settled(execution, method);
  }

  /** A call whose caller can abort it. */
  withSignal(method: Method, self: unknown, args: readonly unknown[], signal: AbortSignal): unknown {
    const { parts } = this;
    const execution = new Execution(parts, self, args, parts.context.clock.now(), signal);
    parts.retry?.begin();
    if (execution.aborted) return this.settled(execution, method);
    let outcome: unknown;
    try {
      const attempt = execution.begin(execution.startedAt);
      execution.admit();
      outcome = callMethod(parts, method, self, args, attempt);
    } catch (failure) {
      execution.attemptFailed(failure);
      return this.settled(execution, method, { failure });
    }
    const kind = kindOfValue(outcome);
    if (kind === 'observable' || kind === 'iterable') return this.stream(outcome, execution, method);
    return this.promise(runOperators(execution, openMethod(execution, method, { outcome })));
  }

  /** Puts the policies around something that is opened anew per attempt: a handler behind Nest's interceptors. */
  around(execution: Execution, open: OpenAttempt): Observable<unknown> {
    execution.streaming = true;
    return runStream(execution, open);
  }

  execution(self: unknown, args: readonly unknown[]): Execution {
    return new Execution(this.parts, self, args, this.parts.context.clock.now());
  }

  /** A promise, or a method that has not shown yet what it returns. */
  private call(method: Method, self: unknown, args: readonly unknown[]): unknown {
    const { parts } = this;
    const startedAt = parts.context.clock.now();
    let breaker: CircuitBreaker | undefined;
    let permit = 0;
    if (parts.breakers !== undefined) {
      try {
        breaker = parts.breakers.select(args);
      } catch (error) {
        // The user's `key` function threw.
        if (this.answersAtOnce) throw error;
        return Promise.reject(error);
      }
      permit = breaker.tryAcquire(startedAt);
      if (permit < 0) return this.rejected(method, self, args, breaker, startedAt);
    }
    parts.retry?.begin();
    let execution: Execution | undefined;
    let outcome: unknown;
    try {
      if (parts.attemptIndex < 0) {
        outcome = Reflect.apply(method, self, args);
      } else {
        execution = new Execution(parts, self, args, startedAt);
        outcome = callMethod(parts, method, self, args, execution.begin(startedAt));
      }
    } catch (error) {
      if (this.kind !== 'promise')
        return this.threwSynchronously(error, method, self, args, startedAt, breaker, permit);
      outcome = Promise.reject(error);
    }
    if (outcome instanceof Promise || isThenable(outcome)) {
      this.kind = 'promise';
      this.answersAtOnce = false;
      return new DirectCall(parts, method, self, args, startedAt, breaker, permit, execution).follow(outcome);
    }
    if (execution === undefined) {
      execution = new Execution(parts, self, args, startedAt);
      execution.adopt(startedAt, true);
    }
    execution.entered = 1;
    return this.notAPromise(outcome, method, execution, breaker, permit);
  }

  /** The circuit refused the first attempt. */
  private rejected(
    method: Method,
    self: unknown,
    args: readonly unknown[],
    breaker: CircuitBreaker,
    now: number,
  ): unknown {
    const { parts } = this;
    const { fallback, stats, deadLetter } = parts;
    parts.stats.rejected++;
    const constant = this.answersAtOnce ? undefined : fallback?.constant;
    if (constant !== undefined && parts.retry?.mayRetryRejections !== true && deadLetter?.capturesRescued !== true) {
      const events = parts.context.events;
      if (!events.listens('resilience.fallback.used') && !events.listens('resilience.circuit.rejected')) {
        stats.fellBack(1);
        stats.finish(true, 0, 0);
        return Promise.resolve(constant.value);
      }
    }
    parts.retry?.begin();
    const execution = new Execution(parts, self, args, now);
    execution.adopt(now, false);
    const failure = breaker.rejection(now);
    execution.noteFailure(failure);
    if (this.answersAtOnce) return runSync(execution, method, { error: failure });
    return this.settled(execution, method, { failure });
  }

  private threwSynchronously(
    error: unknown,
    method: Method,
    self: unknown,
    args: readonly unknown[],
    startedAt: number,
    breaker: CircuitBreaker | undefined,
    permit: number,
  ): unknown {
    this.answersAtOnce = true;
    const execution = new Execution(this.parts, self, args, startedAt);
    execution.adopt(startedAt, true);
    execution.hold(breaker, permit, startedAt);
    execution.attemptFailed(error);
    return runSync(execution, method, { error });
  }

  /** The first call of an undeclared method showed something else; its result is used, not asked for twice. */
  private notAPromise(
    outcome: unknown,
    method: Method,
    execution: Execution,
    breaker: CircuitBreaker | undefined,
    permit: number,
  ): unknown {
    const kind = kindOfValue(outcome);
    execution.hold(breaker, permit, execution.startedAt);
    if (kind === 'sync') {
      this.answersAtOnce = true;
      execution.attemptSucceeded(outcome);
      return runSync(execution, method, { value: outcome });
    }
    this.kind = kind;
    if (execution.attempt === undefined) execution.attempts = 0;
    return this.stream(outcome, execution, method);
  }

  /** Goes on with a stream that the first attempt returned. */
  private stream(outcome: unknown, execution: Execution, method: Method): unknown {
    execution.postpone();
    this.parts.retry?.end(undefined);
    if (isObservable(outcome))
      return this.observe(method, execution.self, execution.args, { observable: outcome, execution });
    return runIterable(execution, method, { iterable: outcome });
  }

  private observe(
    method: Method,
    self: unknown,
    args: readonly unknown[],
    first?: { observable: Observable<unknown>; execution: Execution },
  ): Observable<unknown> {
    let given = first;
    return defer(() => {
      const execution = given?.execution ?? this.execution(self, args);
      let observable = given?.observable;
      given = undefined;
      execution.streaming = true;
      return runStream(execution, (attempt) => {
        execution.admit();
        const open = observable ?? toObservable(callMethod(this.parts, method, self, args, attempt));
        observable = undefined;
        return open;
      });
    });
  }

  private settled(execution: Execution, method: Method, replay?: { failure: unknown }): Promise<unknown> {
    return this.promise(continueCall(execution, method, replay));
  }

  /** Like `lastValueFrom`, but an empty stream is `undefined` instead of an error. */
  private promise(source: Observable<unknown>): Promise<unknown> {
    return lastValueFrom(source, { defaultValue: undefined });
  }
}
