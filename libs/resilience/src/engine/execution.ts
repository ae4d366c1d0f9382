import { randomUUID } from 'node:crypto';

import type { AttemptRecord } from './attempt.js';
import { Attempt } from './attempt-state.js';
import type { FailedCall, FallbackRecord } from './dead-letter-sink.js';
import type { PipelineParts } from './pipeline-parts.js';
import type { CircuitBreaker } from './stages.js';

/** Enough for any sane policy; a call with 10,000 retries must not keep 10,000 stacks. */
const MAX_RECORDS = 50;

/** One call on its way through the slow lane: everything that stages need to know about it. */
export class Execution {
  /** Attempts begun, including those a circuit refused. */
  attempts = 0;
  /** Attempts that reached the method. */
  entered = 0;
  /** A stream that has emitted can neither be retried nor replaced. */
  emitted = false;
  /** Level of the fallback that answered, 0 for none. */
  rescuedBy = 0;
  /** Holds a share of the retry budget. */
  retrying = false;
  lastDelayMs = 0;
  cutShort: 'shutdown' | undefined;
  /** Set while a redriven dead letter runs: its entry exists already. */
  replayed = false;
  /** Failed before the method was reached (a pipe, an inner interceptor): none of the policies' business. */
  bypassed = false;
  /** False where the caller wants its value synchronously: a retry that would have to wait is not possible. */
  canWait = true;
  running = false;
  finished = false;
  /** The method answers with a stream, so limits between items apply. */
  streaming = false;
  /** The total timeout has passed: nothing may follow but fallback and dead letter. */
  expired = false;
  lastError: unknown = undefined;
  callerSignal: AbortSignal | undefined;
  attempt: Attempt | undefined;
  firstFailedAt = 0;
  readonly records: AttemptRecord[] = [];
  readonly fallbacks: FallbackRecord[] = [];
  self: unknown;
  args: readonly unknown[];

  private prepared: Attempt | undefined;
  private breaker: CircuitBreaker | undefined;
  private permit = -1;
  private attemptStartedAt = 0;
  private identity: string | undefined;

  constructor(
    readonly parts: PipelineParts,
    self: unknown,
    args: readonly unknown[],
    readonly startedAt: number,
    callerSignal?: AbortSignal,
  ) {
    this.self = self;
    this.args = args;
    this.callerSignal = callerSignal ?? signalAmong(args);
  }

  get id(): string {
    return (this.identity ??= randomUUID());
  }

  get aborted(): boolean {
    return this.callerSignal?.aborted === true;
  }

  /** Number of the attempt that the next {@link begin} gives. */
  get upcoming(): number {
    return this.prepared === undefined ? this.attempts + 1 : this.attempts;
  }

  /** Starts the next attempt; it has not been admitted yet. */
  begin(now: number): Attempt {
    const prepared = this.prepared;
    this.prepared = undefined;
    if (prepared !== undefined) return prepared;
    const { timeout } = this.parts;
    this.attempts++;
    this.running = true;
    this.attemptStartedAt = now;
    const givenUpAt =
      timeout === undefined
        ? Infinity
        : Math.min(now + timeout.attemptMs(this.attempts), this.startedAt + timeout.totalMs);
    this.attempt = new Attempt(this, this.attempts, this.lastError, givenUpAt);
    return this.attempt;
  }

  /**
   * The first attempt has shown that it is a stream: gives its permit back until somebody reads, and lets the stream's lane
   * go on with the same attempt, whose signal the method holds already.
   */
  postpone(): void {
    this.reuseAttempt();
    this.entered = 0;
    const breaker = this.breaker;
    this.breaker = undefined;
    breaker?.release(this.permit, this.attemptStartedAt);
  }

  /** The lane that takes over goes on with the attempt that runs already. */
  reuseAttempt(): void {
    this.prepared = this.attempt;
  }

  /** Asks the circuit. Throws its refusal. */
  admit(): void {
    const { breakers, stats, context } = this.parts;
    if (breakers !== undefined) {
      const now = context.clock.now();
      const breaker = breakers.select(this.args);
      const permit = breaker.tryAcquire(now);
      if (permit < 0) {
        stats.rejected++;
        throw breaker.rejection(now);
      }
      this.hold(breaker, permit, now);
    }
    this.entered++;
  }

  /** Takes over an admitted attempt, from {@link admit} or the direct lane. */
  hold(breaker: CircuitBreaker | undefined, permit: number, startedAt: number): void {
    this.breaker = breaker;
    this.permit = permit;
    this.attemptStartedAt = startedAt;
  }

  /** Takes over a first attempt that the direct lane ran. */
  adopt(startedAt: number, entered: boolean): void {
    this.attempts = 1;
    this.entered = entered ? 1 : 0;
    this.attemptStartedAt = startedAt;
  }

  attemptSucceeded(value: unknown): void {
    this.attempt?.end();
    this.settle((breaker, permit, now) => breaker.succeed(permit, this.attemptStartedAt, now, value));
    this.record(undefined);
  }

  attemptFailed(error: unknown): void {
    this.attempt?.end();
    this.settle((breaker, permit, now) => breaker.fail(permit, this.attemptStartedAt, now, error));
    this.noteFailure(error);
  }

  /** The consumer went away before the end: no result. */
  attemptCancelled(): void {
    this.attempt?.abort(this.callerSignal?.aborted === true ? this.callerSignal.reason : undefined);
    this.settle((breaker, permit, now) =>
      this.emitted
        ? breaker.succeed(permit, this.attemptStartedAt, now, undefined)
        : breaker.release(permit, this.attemptStartedAt),
    );
  }

  noteFailure(error: unknown): void {
    this.lastError = error;
    this.firstFailedAt ||= this.parts.context.clock.epochNow();
    this.record(error);
  }

  failedCall(error: unknown): FailedCall {
    return {
      target: this.parts.name,
      args: this.storableArgs(),
      error,
      attempts: this.records,
      fallbacks: this.fallbacks,
      executionId: this.id,
      firstFailedAt: this.firstFailedAt || this.parts.context.clock.epochNow(),
      reason: this.cutShort ?? (this.rescuedBy > 0 ? 'rescued' : 'failed'),
    };
  }

  /** The arguments as the caller gave them: what was injected is not theirs. */
  storableArgs(): readonly unknown[] {
    const index = this.parts.attemptIndex;
    if (index < 0 || this.args.length <= index) return this.args;
    return index === this.args.length - 1 ? this.args.slice(0, index) : this.args.with(index, undefined);
  }

  private settle(report: (breaker: CircuitBreaker, permit: number, now: number) => void): void {
    this.running = false;
    const breaker = this.breaker;
    if (breaker === undefined) return;
    this.breaker = undefined;
    report(breaker, this.permit, this.parts.context.clock.now());
  }

  private record(error: unknown): void {
    const { clock } = this.parts.context;
    const durationMs = clock.now() - this.attemptStartedAt;
    if (this.records.length >= MAX_RECORDS) this.records.splice(1, 1);
    this.records.push({ number: this.attempts, startedAt: clock.epochNow() - durationMs, durationMs, error });
  }
}

/** A method that takes a signal makes its waits abortable: an `AbortSignal` argument, or `{ signal }` as the last one. */
function signalAmong(args: readonly unknown[]): AbortSignal | undefined {
  for (const arg of args) if (arg instanceof AbortSignal) return arg;
  const last = args.at(-1);
  if (typeof last !== 'object' || last === null || !('signal' in last)) return undefined;
  return last.signal instanceof AbortSignal ? last.signal : undefined;
}
