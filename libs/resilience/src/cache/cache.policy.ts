import { isObservable, type MonoTypeOperatorFunction } from 'rxjs';

import type { CallKeys } from '../engine/argument-key.js';
import { atOnce } from '../engine/at-once.js';
import { classifyError } from '../engine/classifier/classify-error.js';
import type { Execution } from '../engine/execution.js';
import { compileMatcher, type ErrorPredicate } from '../engine/matcher.js';
import type { PolicyContext } from '../engine/policy-context.js';
import { isAsyncIterable } from '../engine/return-kind.js';
import type { CacheStage } from '../engine/stages.js';
import type { CacheStaleUsedEvent } from './cache.events.js';
import { answerFromCache } from './cache.operator.js';
import type { CachedResult, CachedResults } from './cached-results.js';

/** One method's use of a cache. */
export class CachePolicy implements CacheStage {
  private readonly staleOn: ErrorPredicate;

  constructor(
    readonly results: CachedResults,
    readonly keys: CallKeys,
    private readonly context: PolicyContext,
    /** `retryOnResult`: what it refuses was not a success, although the caller may get it in the end. */
    private readonly rejectsResult: ((value: unknown) => boolean) | undefined,
  ) {
    const { staleOn } = results.options;
    this.staleOn = staleOn === undefined ? notTheCallersFault : compileMatcher(staleOn, '@Cache > staleOn');
  }

  fresh(args: readonly unknown[], now: number): CachedResult | undefined {
    const key = this.keys.of(args);
    return key === undefined ? undefined : this.results.fresh(key, now);
  }

  /** A call that {@link fresh} had no answer for returned a value: for methods that answer synchronously. */
  remember(args: readonly unknown[], value: unknown, now: number): void {
    const key = this.keys.of(args);
    if (key === undefined) return;
    this.results.misses++;
    this.keep(key, [value], now);
  }

  /** A call that {@link fresh} had no answer for failed: for methods that answer synchronously. */
  stale(execution: Execution, error: unknown, now: number): CachedResult | undefined {
    const key = this.keys.of(execution.args);
    if (key === undefined) return undefined;
    this.results.misses++;
    return this.rescue(key, execution, error, now);
  }

  operator<T>(execution: Execution): MonoTypeOperatorFunction<T> {
    return answerFromCache(this, execution);
  }

  /** Keeps what a successful call emitted. Throws what a predicate of the user's threw. */
  keep(key: string, items: readonly unknown[], now: number): void {
    if (items.length > 0 && this.rejectsResult?.(items[0]) === true) return;
    if (items.length === 0 ? this.accepts(undefined) : items.every((item) => this.accepts(item)))
      this.results.keep(key, items, now);
  }

  /** What may answer in place of an error, where nobody has seen anything yet. */
  rescue(key: string, execution: Execution, error: unknown, now: number): CachedResult | undefined {
    const { emitted, aborted, bypassed, replayed } = execution;
    // A redriven dead letter asks for the work to be done, not for an answer.
    if (emitted || aborted || bypassed || replayed || !this.staleOn(error)) return undefined;
    const result = this.results.staleFor(key, now);
    if (result === undefined) return undefined;
    execution.answeredStale = true;
    this.report(execution, error, now - result.storedAt);
    return result;
  }

  private accepts(value: unknown): boolean {
    if (isReadOnce(value)) return false;
    const { cacheResult } = this.results.options;
    return cacheResult === undefined ? value !== undefined : atOnce(cacheResult(value), '@Cache > cacheResult');
  }

  private report(execution: Execution, error: unknown, ageMs: number): void {
    if (!this.context.events.listens('resilience.cache.stale-used')) return;
    const payload: CacheStaleUsedEvent = {
      policy: execution.parts.name,
      executionId: execution.id,
      error,
      ageMs,
    };
    this.context.events.emit('resilience.cache.stale-used', payload);
  }
}

/** Also when a policy of this process refused, although the dependency knows nothing of it. */
function notTheCallersFault(error: unknown): boolean {
  const { countsAsFailure, reason } = classifyError(error);
  return countsAsFailure || reason === 'circuit_open' || reason === 'bulkhead_full' || reason === 'rate_limit';
}

/** A token stream, a Node stream, an iterator or the answer of `fetch`: the second reader would find it empty. */
function isReadOnce(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const isIterator = 'next' in value && typeof value.next === 'function';
  return isIterator || isAsyncIterable(value) || isObservable(value) || 'bodyUsed' in value;
}
