import { isObservable, type Observable } from 'rxjs';

import { DirectCall, settleCall, settled } from './direct-lane.js';
import { Execution } from './execution.js';
import { runIterable } from './iterable-lane.js';
import { type FirstAnswer, openMethod, reachMethod } from './method-call.js';
import { type OpenAttempt, runOperators } from './operator-lane.js';
import { callMethod, type Method, needsOperators, type PipelineParts } from './pipeline-parts.js';
import { abandon, isThenable, kindOfValue, type ReturnKind } from './return-kind.js';
import { settling, StreamInstead } from './shape.js';
import { type CircuitBreaker, RejectedResult } from './stages.js';
import { observeMethod, runStream } from './stream-lane.js';
import { runAtOnce } from './sync-lane.js';

/**
 * Runs a method through its policies, in the fixed order
 * `DeadLetter(Fallback(Cache(Coalesce(TotalTimeout(Retry(Hedge(CircuitBreaker(RateLimit(Bulkhead(AttemptTimeout(Chaos(method))))))))))))`.
 *
 * A first attempt that succeeds is the whole call; everything else goes through the RxJS operators of `runOperators`, whatever the
 * method returns.
 */
export class Pipeline {
  /** The method answers synchronously, or did so before: its refusals must be thrown, not promised. */
  private answersAtOnce: boolean;

  /** A first attempt that succeeds is the whole call. */
  private direct = true;
  /** Neither the attempt nor chaos comes between the caller and the method. */
  private plain = true;

  constructor(
    public parts: PipelineParts,
    private kind: ReturnKind,
  ) {
    this.answersAtOnce = kind === 'sync';
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
        return this.iterate(method, self, args);
      default:
        return this.call(method, self, args);
    }
  }

  /** A call that is read item by item. */
  iterate(method: Method, self: unknown, args: readonly unknown[], signal?: AbortSignal): AsyncGenerator<unknown> {
    return runIterable(this.execution(self, args, signal), method);
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
    let answer: unknown;
    try {
      attempt.admit();
      answer = reachMethod(attempt, method);
    } catch (error) {
      return settleCall(execution, method, { failure: attempt.failed(error) });
    }
    if (execution.aborted) {
      // The method itself has ended the call: nobody looks at what it answers.
      abandon(answer);
      attempt.cancelled();
      return settleCall(execution, method);
    }
    const kind = kindOfValue(answer);
    if (kind !== 'promise' && kind !== 'sync') return this.stream(answer, execution, method);
    return settled(runOperators(execution, openMethod(execution, method, { answer, running: true })));
  }

  /** Puts the policies around something that is opened anew per attempt: a handler behind Nest's interceptors. */
  around(execution: Execution, open: OpenAttempt): Observable<unknown> {
    execution.handler = true;
    execution.streaming = true;
    return runStream(execution, open);
  }

  execution(self: unknown, args: readonly unknown[], signal?: AbortSignal): Execution {
    return new Execution(this.parts, self, args, this.parts.context.clock.now(), signal);
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
        const began = this.adopt(execution, self, args, startedAt, breaker, permit);
        return this.atOnce(began, method, { failure: began.attempt?.failed(error) });
      }
      outcome = Promise.reject(error);
    }
    if (outcome instanceof Promise || isThenable(outcome)) {
      if (this.kind === 'unknown') {
        this.kind = 'promise';
        this.answersAtOnce = false;
      }
      if (parts.fallback?.refusesResult !== undefined) {
        const began = this.adopt(execution, self, args, startedAt, breaker, permit);
        return settled(runOperators(began, openMethod(began, method, { answer: outcome, running: true })));
      }
      return new DirectCall(parts, method, self, args, startedAt, breaker, permit, execution).follow(outcome);
    }
    const kind = kindOfValue(outcome);
    if (kind === 'sync') {
      if (this.kind !== 'promise')
        return this.answered(outcome, method, self, args, startedAt, breaker, permit, execution);
      // Chaos answered in place of a method that is known to promise.
      const promised = Promise.resolve(outcome);
      return new DirectCall(parts, method, self, args, startedAt, breaker, permit, execution).follow(promised);
    }
    // Only a stream that is the very first answer tells what is to come.
    if (this.kind === 'unknown' && !this.answersAtOnce) this.kind = kind;
    return this.stream(outcome, this.adopt(execution, self, args, startedAt, breaker, permit), method);
  }

  /** A first attempt that answered at once is the whole call, unless its answer is refused. */
  private answered(
    value: unknown,
    method: Method,
    self: unknown,
    args: readonly unknown[],
    startedAt: number,
    breaker: CircuitBreaker | undefined,
    permit: number,
    known: Execution | undefined,
  ): unknown {
    const { parts } = this;
    const { retry, stats, context } = parts;
    if (this.kind === 'unknown') this.answersAtOnce = true;
    if (parts.fallback?.refusesResult !== undefined) {
      const began = this.adopt(known, self, args, startedAt, breaker, permit);
      return this.atOnce(began, method, undefined, { answer: value, running: true });
    }
    const now = context.clock.now();
    let refused: { readonly failure: unknown } | undefined;
    try {
      breaker?.succeed(permit, startedAt, now, value);
      if (retry?.rejectsResult?.(value) === true) refused = { failure: new RejectedResult(value) };
    } catch (failure) {
      // A predicate of the user's (`recordResult`, `retryOnResult`) gave no answer.
      refused = { failure };
    }
    parts.permits?.ended(now - startedAt);
    known?.attempt?.detach();
    if (refused !== undefined) {
      const execution = known ?? new Execution(parts, self, args, startedAt);
      const attempt = execution.adopt(true);
      attempt.running = false;
      if (refused.failure instanceof RejectedResult) execution.record(attempt, undefined);
      else execution.noteFailure(refused.failure);
      return this.atOnce(execution, method, refused);
    }
    retry?.end(undefined);
    stats.finish(true, 1, now - startedAt);
    return value;
  }

  /** A call that may be answered without running, or that others join. */
  private shared(method: Method, self: unknown, args: readonly unknown[], startedAt: number): unknown {
    const { parts, answersAtOnce } = this;
    try {
      const hit = parts.context.tracer === undefined ? parts.cache?.fresh(args, startedAt) : undefined;
      if (hit !== undefined) {
        parts.stats.finish(true, 0, 0);
        return answersAtOnce ? hit.value : Promise.resolve(hit.value);
      }
    } catch (error) {
      // The user's `key` function threw.
      if (answersAtOnce) throw error;
      return Promise.reject(error);
    }
    return this.queued(method, self, args, startedAt);
  }

  /** From the first attempt on through the operators. */
  private queued(method: Method, self: unknown, args: readonly unknown[], startedAt: number): unknown {
    this.parts.retry?.begin();
    const execution = new Execution(this.parts, self, args, startedAt);
    return this.answersAtOnce ? this.atOnce(execution, method) : settleCall(execution, method);
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
    const constant = fallback?.constant;
    if (constant !== undefined && parts.retry?.mayRetryRejections !== true && deadLetter?.capturesRescued !== true) {
      const events = parts.context.events;
      if (!events.listens('resilience.fallback.used') && !events.listens('resilience.circuit.rejected')) {
        stats.fellBack(1);
        stats.finish(true, 0, 0);
        return this.answersAtOnce ? constant.value : Promise.resolve(constant.value);
      }
    }
    parts.retry?.begin();
    const execution = new Execution(parts, self, args, now);
    execution.adopt(false).running = false;
    const failure = breaker.rejection(now);
    execution.noteFailure(failure);
    return this.answersAtOnce
      ? this.atOnce(execution, method, { failure })
      : settleCall(execution, method, { failure });
  }

  /** Makes visible what the direct lane began without objects. */
  private adopt(
    known: Execution | undefined,
    self: unknown,
    args: readonly unknown[],
    startedAt: number,
    breaker: CircuitBreaker | undefined,
    permit: number,
  ): Execution {
    const execution = known ?? new Execution(this.parts, self, args, startedAt);
    execution.adopt(true).hold(breaker, permit, this.parts.permits);
    return execution;
  }

  /** The operators over answers that are there at once. */
  private atOnce(execution: Execution, method: Method, replay?: { failure: unknown }, first?: FirstAnswer): unknown {
    const answer = runAtOnce(execution, openMethod(execution, method, first), replay);
    if (!(answer instanceof StreamInstead)) return answer;
    this.parts.context.shutdown.leave();
    return this.stream(answer.stream, execution, method);
  }

  /** An attempt has shown a stream, which is begun, and its call with it, when somebody reads it. */
  private stream(answer: unknown, execution: Execution, method: Method): unknown {
    execution.attempt?.postpone();
    execution.reuseAttempt();
    // Its reader may never come: until then it takes no part in the retry budget.
    this.parts.retry?.end(execution);
    execution.finished = false;
    execution.canWait = true;
    execution.shape = settling;
    if (!isObservable(answer)) return runIterable(execution, method, { answer, running: false });
    return observeMethod(this.parts, method, execution.self, execution.args, { answer, execution });
  }
}
