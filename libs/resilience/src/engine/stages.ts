import type { MonoTypeOperatorFunction, Observable } from 'rxjs';

import type { Attempt } from './attempt-state.js';
import type { DeadlineQueue } from './deadlines.js';
import type { Execution } from './execution.js';

/** Returned by {@link RetryStage.plan} instead of a delay. */
export const GIVE_UP = -1;

/** Which limit of a timeout policy was hit. */
export type TimeoutScope = 'attempt' | 'total' | 'first_item' | 'idle';

/**
 * A value that `retryOnResult` did not accept, on its way through the retry operator. Never leaves the pipeline:
 * when retries run out its value is returned.
 */
export class RejectedResult {
  readonly #mark = true;

  constructor(readonly value: unknown) {}

  /** Asks for the mark, which springs no trap of a Proxy that was thrown. Nothing else has it. */
  static [Symbol.hasInstance](value: unknown): value is RejectedResult {
    return typeof value === 'object' && value !== null && #mark in value;
  }
}

/** Decides whether and when a failed attempt is followed by another. */
export interface RetryStage {
  readonly rejectsResult: ((value: unknown) => boolean) | undefined;
  /** False when a refusal by the circuit is certain to end the call, so that no error object need exist for it. */
  readonly mayRetryRejections: boolean;
  /** Whether a result that was refused to the end becomes an error. */
  readonly throwsResults: boolean;
  /** A call begins and ends; the retry budget is a share of those between. */
  begin(): void;
  end(execution: Execution | undefined): void;
  /** Milliseconds to wait before the next attempt, or {@link GIVE_UP}. `failure` may be a {@link RejectedResult}. */
  plan(execution: Execution, failure: unknown): number;
  recovered(execution: Execution): void;
  operator<T>(execution: Execution): MonoTypeOperatorFunction<T>;
}

/** One circuit. A permit is the generation of the state that gave it, or -1 for a refusal. */
export interface CircuitBreaker {
  readonly name: string;
  tryAcquire(now: number): number;
  succeed(permit: number, startedAt: number, now: number, value: unknown): void;
  fail(permit: number, startedAt: number, now: number, error: unknown): void;
  /** Gives the permit back without a result. */
  release(permit: number, startedAt: number): void;
  rejection(now: number): Error;
}

export interface CircuitBreakerStage {
  select(args: readonly unknown[]): CircuitBreaker;
}

export interface TimeoutStage {
  /** Of the n-th attempt, counted from 1; Infinity for none. */
  attemptMs(attempt: number): number;
  readonly totalMs: number;
  firstItemMs(attempt: number): number;
  readonly idleMs: number;
  /** Serves first attempts: the shorter of attempt and total limit. */
  readonly firstQueue: DeadlineQueue | undefined;
  readonly firstScope: TimeoutScope;
  /** Serves first attempts of streams: until their first item. */
  readonly firstItemQueue: DeadlineQueue | undefined;
  readonly firstItemScope: TimeoutScope;
  exceeded(execution: Execution, scope: TimeoutScope, afterMs: number): Error;
  attemptOperator<T>(attempt: Attempt): MonoTypeOperatorFunction<T>;
  totalOperator<T>(execution: Execution): MonoTypeOperatorFunction<T>;
}

/** What an attempt must hold while it runs: a token of a rate limit, a place in a bulkhead. */
export interface PermitStage {
  /** Takes it if it is free now; false took nothing. Runs on every call. May throw what a function of the user's threw. */
  tryAcquire(args: readonly unknown[], now: number): boolean;
  /** Takes back what {@link tryAcquire} took for an attempt that never ran. */
  refund(args: readonly unknown[], now: number): void;
  /**
   * Waits for it in line. `done` is called once, possibly before this returns: without an argument when it is held, with the
   * refusal otherwise. Where `execution.canWait` is false it answers at once.
   * @returns gives up the place in line; nothing happens when `done` was called already
   */
  acquire(execution: Execution, done: (refusal?: Error) => void): () => void;
  /** Whether it learns from how long attempts take. */
  readonly measures: boolean;
  /** The attempt that held it has ended. @param durationMs how long it took to succeed, or to be given up by a timeout */
  release(durationMs?: number): void;
  /** Told what it failed with, before. Absent where that teaches nothing. */
  readonly learn: ((execution: Execution, error: unknown, now: number) => void) | undefined;
}

/** Starts another attempt beside one that takes long; the first answer wins. */
export interface HedgeStage {
  readonly maxHedges: number;
  /** Milliseconds after which the next attempt joins; Infinity while there is no measure of what is long. */
  delayMs(): number;
  /** An attempt that won the race took this long. */
  measured(durationMs: number): void;
  /** The n-th hedge (from 1) was started. */
  started(execution: Execution, hedge: number): void;
  /** Attempt number `attempt` answered first although others ran. */
  won(execution: Execution, attempt: number): void;
  /** `source` starts an attempt at each subscription and cancels it when unsubscribed. */
  operator<T>(execution: Execution): MonoTypeOperatorFunction<T>;
}

/** Answers calls from what earlier ones returned. */
export interface CacheStage {
  /** Runs on every call: a value that is still fresh. May throw what a function of the user's threw. */
  fresh(args: readonly unknown[], now: number): { readonly value: unknown } | undefined;
  /** Where no operator can: a call that {@link fresh} had no answer for returned a value. */
  remember(args: readonly unknown[], value: unknown, now: number): void;
  /** Where no operator can: what may answer in place of the call's error. */
  stale(execution: Execution, error: unknown, now: number): { readonly value: unknown } | undefined;
  operator<T>(execution: Execution): MonoTypeOperatorFunction<T>;
}

/** Lets calls with one key share one running call. */
export interface CoalesceStage {
  /** `start` runs the call that all share, on an execution of its own that no single caller can abort. */
  join(execution: Execution, start: (shared: Execution) => Observable<unknown>): Observable<unknown>;
}

/** Breaks calls on purpose, innermost. */
export interface ChaosStage {
  /** Calls, or does not: may throw, answer by itself, or answer later. */
  around(policy: string, call: () => unknown): unknown;
}

export interface FallbackStage {
  /** The value to answer with when the first fallback is a constant that takes any error; skips building an error. */
  readonly constant: { readonly value: unknown } | undefined;
  /** Whether a result stands for a failure; absent where only errors do. */
  readonly refusesResult: ((value: unknown) => boolean) | undefined;
  /** The next fallback for the original error, counted from level `after` + 1. */
  next(execution: Execution, error: unknown, after: number): FallbackStep | undefined;
  failed(execution: Execution, original: unknown): void;
  used(execution: Execution, step: FallbackStep): void;
  operator<T>(execution: Execution): MonoTypeOperatorFunction<T>;
}

export interface FallbackStep {
  /** From 1. */
  readonly level: number;
  readonly name: string;
  /** May return a value, a promise, an Observable or an async iterable; may throw. */
  readonly run: () => unknown;
}

export interface DeadLetterStage {
  readonly rethrow: boolean;
  /** Whether calls that a fallback rescued are kept too. */
  readonly capturesRescued: boolean;
  /** Keeps the call; resolves when that is done, with whether the call is safe now. Never rejects. */
  keep(execution: Execution, error: unknown): Promise<boolean>;
  operator<T>(execution: Execution): MonoTypeOperatorFunction<T>;
}
