import type { MonoTypeOperatorFunction } from 'rxjs';

import { atOnce } from '../engine/at-once.js';
import { classifyError } from '../engine/classifier/classify-error.js';
import { ResilienceOptionsError } from '../engine/errors.js';
import type { Execution } from '../engine/execution.js';
import { compileMatcher, type ErrorPredicate } from '../engine/matcher.js';
import type { PolicyContext } from '../engine/policy-context.js';
import { GIVE_UP, RejectedResult, type RetryStage } from '../engine/stages.js';
import { applyJitter } from './backoff/jitter.js';
import { type Backoff, createBackoff } from './backoff/strategy.js';
import type { RetryBudget } from './retry-budget.js';
import type { RetryEvents, RetryStop } from './retry.events.js';
import { retryWith } from './retry.operator.js';
import type { ResolvedRetryOptions } from './retry.options.js';

export class RetryPolicy implements RetryStage {
  readonly rejectsResult: ((value: unknown) => boolean) | undefined;
  readonly mayRetryRejections: boolean;
  readonly throwsResults: boolean;
  private readonly backoff: Backoff;
  private readonly retryOn: ErrorPredicate | undefined;
  private readonly abortOn: ErrorPredicate | undefined;
  /** Calls that return a value which was not accepted, because retries ran out: they end well, but nothing has recovered. */
  private readonly unaccepted = new WeakSet<Execution>();

  constructor(
    private readonly options: ResolvedRetryOptions,
    private readonly context: PolicyContext,
    private readonly budget: RetryBudget | undefined,
  ) {
    const { retryOnResult } = options;
    this.rejectsResult = retryOnResult && ((value) => atOnce(retryOnResult(value), '@Retry > retryOnResult'));
    this.mayRetryRejections = options.retryOn !== undefined;
    this.throwsResults = options.throwOnExhaustedResult;
    this.backoff = createBackoff(options.strategy, options.baseDelay, options.multiplier);
    this.retryOn = options.retryOn && compileMatcher(options.retryOn, '@Retry > retryOn');
    this.abortOn = options.abortOn && compileMatcher(options.abortOn, '@Retry > abortOn');
  }

  begin(): void {
    if (this.budget !== undefined) this.budget.active++;
  }

  end(execution: Execution | undefined): void {
    if (execution !== undefined) execution.finished = true;
    if (this.budget === undefined) return;
    this.budget.active--;
    if (execution?.retrying !== true) return;
    execution.retrying = false;
    this.budget.release();
  }

  plan(execution: Execution, failure: unknown): number {
    const delayMs = this.decide(execution, failure);
    if (delayMs === GIVE_UP && failure instanceof RejectedResult) this.unaccepted.add(execution);
    return delayMs;
  }

  recovered(execution: Execution): void {
    if (this.unaccepted.has(execution)) return;
    this.report(execution, 'resilience.retry.recovered', () => ({ attempts: execution.attempts }));
  }

  operator<T>(execution: Execution): MonoTypeOperatorFunction<T> {
    return retryWith(this, execution);
  }

  private decide(execution: Execution, failure: unknown): number {
    if (execution.emitted || execution.aborted || execution.bypassed || execution.expired) return GIVE_UP;
    if (!this.wants(failure) || execution.attempt?.abandonedWith(failure) === true) return GIVE_UP;
    if (this.context.shutdown.stopping) {
      execution.cutShort = 'shutdown';
      return this.stop(execution, failure, 'shutdown');
    }
    if (execution.retries >= (this.ownRetries(failure) ?? this.options.maxRetries))
      return this.stop(execution, failure, 'max-retries');
    const hintMs = this.hintOf(failure);
    if (hintMs !== undefined && hintMs > this.options.retryAfterCap)
      return this.stop(execution, failure, 'retry-after-cap');
    const delayMs = hintMs ?? this.delay(execution, failure);
    if (delayMs === false) return this.stop(execution, failure, 'strategy');
    if (delayMs > 0 && !execution.canWait) return GIVE_UP;
    if (this.tooLate(execution, delayMs)) return this.stop(execution, failure, 'max-elapsed');
    // A function of the user's that was asked above may have ended the call.
    if (execution.finished || execution.aborted) return GIVE_UP;
    if (this.budget !== undefined && !execution.retrying) {
      if (!this.budget.tryAcquire()) return this.stop(execution, failure, 'budget');
      execution.retrying = true;
    }
    execution.lastDelayMs = delayMs;
    execution.retries++;
    this.report(execution, 'resilience.retry.scheduled', () => ({
      attempt: execution.attempts,
      delayMs,
      hinted: hintMs !== undefined,
      error: errorOf(failure),
    }));
    return delayMs;
  }

  private wants(failure: unknown): boolean {
    if (failure instanceof RejectedResult) return true;
    // What the options have wrong is wrong in the next attempt too, also where `retryOn` takes everything.
    if (failure instanceof ResilienceOptionsError) return false;
    if (this.abortOn?.(failure) === true) return false;
    // None of its own makes it no error to retry: what is left is that retries have run out.
    return (this.ownRetries(failure) ?? 0) > 0 || (this.retryOn?.(failure) ?? classifyError(failure).retryable);
  }

  /** What its reason allows, where that says anything. */
  private ownRetries(failure: unknown): number | undefined {
    const { byReason } = this.options;
    if (byReason === undefined || failure instanceof RejectedResult) return undefined;
    return byReason[classifyError(failure).reason];
  }

  private hintOf(failure: unknown): number | undefined {
    if (!this.options.honorRetryAfter || failure instanceof RejectedResult) return undefined;
    return classifyError(failure, this.context.clock.epochNow()).retryAfterMs;
  }

  private delay(execution: Execution, failure: unknown): number | false {
    const { baseDelay, jitter, maxDelay } = this.options;
    const raw = this.backoff(execution.retries + 1, errorOf(failure));
    if (raw === false) return false;
    if (raw === 0) return 0;
    const delay = { rawMs: raw, baseMs: baseDelay, previousMs: execution.lastDelayMs, maxMs: maxDelay };
    return applyJitter(jitter, delay, this.context.random);
  }

  private tooLate(execution: Execution, delayMs: number): boolean {
    const { maxElapsed } = this.options;
    return maxElapsed !== undefined && this.context.clock.now() - execution.startedAt + delayMs >= maxElapsed;
  }

  private stop(execution: Execution, failure: unknown, because: RetryStop): typeof GIVE_UP {
    this.report(execution, 'resilience.retry.exhausted', () => ({
      attempts: execution.attempts,
      because,
      error: errorOf(failure),
    }));
    return GIVE_UP;
  }

  private report<K extends keyof RetryEvents>(
    execution: Execution,
    name: K,
    payload: () => Omit<RetryEvents[K], 'policy' | 'executionId'>,
  ): void {
    if (!this.context.events.listens(name)) return;
    this.context.events.emit(name, { policy: execution.parts.name, executionId: execution.id, ...payload() });
  }
}

function errorOf(failure: unknown): unknown {
  return failure instanceof RejectedResult ? undefined : failure;
}
