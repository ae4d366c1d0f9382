import { isObservable, type Observable } from 'rxjs';

import type { Attempt } from './attempt-state.js';
import { DirectCall, settleCall, settled } from './direct-lane.js';
import { Execution } from './execution.js';
import { runIterable } from './iterable-lane.js';
import { enterMethod, openMethod } from './method-call.js';
import { type OpenAttempt, rescueWith, runOperators } from './operator-lane.js';
import { callMethod, type Method, needsOperators, type PipelineParts } from './pipeline-parts.js';
import { abandon, isThenable, kindOfValue, type ReturnKind } from './return-kind.js';
import type { CircuitBreaker } from './stages.js';
import { observeMethod, runStream } from './stream-lane.js';
import { Elsewhere, type FirstOutcome, runSync, startSync } from './sync-lane.js';

/**
 * Runs a method through its policies, in the fixed order
 * `DeadLetter(Fallback(Cache(Coalesce(TotalTimeout(Retry(Hedge(CircuitBreaker(RateLimit(Bulkhead(AttemptTimeout(Chaos(method))))))))))))`.
 *
 * Promises whose first attempt succeeds take the direct lane; everything else goes through RxJS operators, or a pull loop for
 * async iterables. The lanes share the stages, and so every decision.
 */
export class Pipeline {
  /** An undeclared method answered synchronously before: its refusals must be thrown, not promised. */
  private answersAtOnce = false;

  /** A first attempt that succeeds is the whole call. */
  private direct = true;
  /** Neither the attempt nor chaos comes between the caller and the method. */
  private plain = true;

  constructor(
    public parts: PipelineParts,
    private kind: ReturnKind,
  ) {
    this.use(parts);
  }

  /** Takes other policies: for calls from now on, those that run keep theirs. */
  use(parts: PipelineParts): void {
    this.parts = parts;
    this.direct = !needsOperators(parts);
    this.plain = parts.attemptIndex < 0 && parts.chaos === undefined;
  }

  /** Calls the method the way it is called by its user: what it returns decides what this returns. */
  invoke(method: Method, self: unknown, args: readonly unknown[]): unknown {
    switch (this.kind) {
      case 'observable':
        return observeMethod(this.parts, method, self, args);
      case 'iterable':
        return runIterable(this.execution(self, args), method);
      case 'sync':
        return this.atOnce(method, self, args);
      default:
        return this.call(method, self, args);
    }
  }

  /** Runs a call that must not become a dead letter a second time. */
  replay(method: Method, self: unknown, args: readonly unknown[]): Promise<unknown> {
    const execution = this.execution(self, args);
    execution.replayed = true;
    execution.parts.retry?.begin();
    return settleCall(execution, method);
  }

  /** A call whose caller can abort it. */
  withSignal(method: Method, self: unknown, args: readonly unknown[], signal: AbortSignal): unknown {
    const { parts } = this;
    const execution = new Execution(parts, self, args, parts.context.clock.now(), signal);
    parts.retry?.begin();
    if (execution.aborted || !this.direct || parts.permits !== undefined || parts.context.tracer !== undefined)
      return settleCall(execution, method);
    const attempt = execution.begin(execution.startedAt);
    let outcome: unknown;
    try {
      outcome = enterMethod(attempt, method);
    } catch (error) {
      return settleCall(execution, method, { failure: attempt.failed(error) });
    }
    return execution.aborted ? this.abortedInside(outcome, execution, method) : this.later(outcome, execution, method);
  }

  /** Puts the policies around something that is opened anew per attempt: a handler behind Nest's interceptors. */
  around(execution: Execution, open: OpenAttempt): Observable<unknown> {
    execution.handler = true;
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
    // What an undeclared method returns must be seen once, before others can answer in its place.
    const direct = this.direct && parts.context.tracer === undefined;
    if (!direct && (this.kind === 'promise' || this.answersAtOnce)) return this.shared(method, self, args, startedAt);
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
    if (parts.permits !== undefined && !parts.permits.tryAcquire(args, startedAt)) {
      breaker?.release(permit, startedAt);
      return this.queued(method, self, args, startedAt);
    }
    parts.retry?.begin();
    let execution: Execution | undefined;
    let outcome: unknown;
    try {
      if (this.plain) {
        outcome = Reflect.apply(method, self, args);
      } else {
        execution = new Execution(parts, self, args, startedAt);
        outcome = callMethod(parts, method, self, args, execution.begin(startedAt));
      }
    } catch (error) {
      if (this.kind !== 'promise') {
        this.answersAtOnce = true;
        const { attempt, execution: began } = this.adopt(execution, self, args, startedAt, breaker, permit);
        return this.sync(began, method, { error: attempt.failed(error) });
      }
      outcome = Promise.reject(error);
    }
    if (outcome instanceof Promise || isThenable(outcome)) {
      this.kind = 'promise';
      this.answersAtOnce = false;
      return new DirectCall(parts, method, self, args, startedAt, breaker, permit, execution).follow(outcome);
    }
    if (this.kind === 'promise' && kindOfValue(outcome) === 'sync') {
      // Chaos answered in place of a method that is known to promise.
      const promised = Promise.resolve(outcome);
      return new DirectCall(parts, method, self, args, startedAt, breaker, permit, execution).follow(promised);
    }
    const adopted = this.adopt(execution, self, args, startedAt, breaker, permit);
    return this.notAPromise(outcome, method, adopted.execution, adopted.attempt);
  }

  /** A call that may be answered without running, or that others join. */
  private shared(method: Method, self: unknown, args: readonly unknown[], startedAt: number): unknown {
    const { parts } = this;
    if (this.answersAtOnce) return this.atOnce(method, self, args);
    try {
      const hit = parts.context.tracer === undefined ? parts.cache?.fresh(args, startedAt) : undefined;
      if (hit !== undefined) {
        parts.stats.finish(true, 0, 0);
        return Promise.resolve(hit.value);
      }
    } catch (error) {
      // The user's `key` function threw.
      return Promise.reject(error);
    }
    return this.queued(method, self, args, startedAt);
  }

  /** From the first attempt on in the lane where a call can wait. */
  private queued(method: Method, self: unknown, args: readonly unknown[], startedAt: number): unknown {
    if (this.answersAtOnce) return this.atOnce(method, self, args);
    this.parts.retry?.begin();
    return settleCall(new Execution(this.parts, self, args, startedAt), method);
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
    execution.adopt(false).running = false;
    const failure = breaker.rejection(now);
    execution.noteFailure(failure);
    if (this.answersAtOnce) return this.sync(execution, method, { error: failure });
    return settleCall(execution, method, { failure });
  }

  /** Makes visible what the direct lane began without objects. */
  private adopt(
    known: Execution | undefined,
    self: unknown,
    args: readonly unknown[],
    startedAt: number,
    breaker: CircuitBreaker | undefined,
    permit: number,
  ): { execution: Execution; attempt: Attempt } {
    const execution = known ?? new Execution(this.parts, self, args, startedAt);
    const attempt = execution.adopt(true);
    attempt.hold(breaker, permit, this.parts.permits);
    return { execution, attempt };
  }

  /** The first call of an undeclared method showed something else; its result is used, not asked for twice. */
  private notAPromise(outcome: unknown, method: Method, execution: Execution, attempt: Attempt): unknown {
    const kind = kindOfValue(outcome);
    if (kind !== 'sync') return this.learn(kind, outcome, execution, method);
    this.answersAtOnce = true;
    try {
      attempt.succeeded(outcome);
    } catch (error) {
      return this.sync(execution, method, { error });
    }
    return this.sync(execution, method, { value: outcome });
  }

  /** From nothing, in the lane where nothing can wait. */
  private atOnce(method: Method, self: unknown, args: readonly unknown[]): unknown {
    return this.settledElsewhere(startSync(this.parts, method, self, args), method);
  }

  private sync(execution: Execution, method: Method, first: FirstOutcome): unknown {
    return this.settledElsewhere(runSync(execution, method, first), method);
  }

  /** A method that answers synchronously most of the time is protected when it does not, too. */
  private settledElsewhere(answer: unknown, method: Method): unknown {
    if (!(answer instanceof Elsewhere)) return answer;
    const { execution, outcome, rescue } = answer;
    if (rescue !== undefined) {
      if (execution.aborted) abandon(outcome);
      return settled(rescueWith(execution, rescue, outcome));
    }
    return this.learn(kindOfValue(outcome), outcome, execution, method);
  }

  /**
   * A promise can be promised from now on whatever the method answers. A stream cannot stand for something else: only one that
   * is the very first answer tells what is to come.
   */
  private learn(kind: ReturnKind, outcome: unknown, execution: Execution, method: Method): unknown {
    if (kind === 'promise' && this.kind === 'unknown') {
      this.kind = kind;
      this.answersAtOnce = false;
    } else if (this.kind === 'unknown' && !this.answersAtOnce) this.kind = kind;
    return this.later(outcome, execution, method);
  }

  /** The method itself has ended the call: nobody looks at what it answers. */
  private abortedInside(outcome: unknown, execution: Execution, method: Method): unknown {
    abandon(outcome);
    execution.attempt?.cancelled();
    return settleCall(execution, method);
  }

  /** Goes on with what an attempt has returned and that is not a value yet, in its own lane. */
  private later(outcome: unknown, execution: Execution, method: Method): unknown {
    const kind = kindOfValue(outcome);
    if (kind === 'promise' || kind === 'sync') {
      if (execution.aborted) return this.abortedInside(outcome, execution, method);
      return settled(runOperators(execution, openMethod(execution, method, { outcome })));
    }
    execution.attempt?.postpone();
    execution.reuseAttempt();
    // Its reader may never come: until then it takes no part in the retry budget.
    this.parts.retry?.end(execution);
    execution.finished = false;
    if (!isObservable(outcome)) return runIterable(execution, method, { iterable: outcome });
    return observeMethod(this.parts, method, execution.self, execution.args, { observable: outcome, execution });
  }
}
