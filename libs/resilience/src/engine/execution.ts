import { randomUUID } from 'node:crypto';

import type { AttemptRecord } from './attempt.js';
import { Attempt } from './attempt-state.js';
import type { Caller } from './caller.js';
import type { FailedCall, FallbackRecord } from './dead-letter-sink.js';
import { ShutdownError } from './errors.js';
import type { PipelineParts } from './pipeline-parts.js';
import { type Shape, settling } from './shape.js';
import type { CallSpan, TraceEnding } from './tracing.js';

/** Enough for any sane policy; a call with 10,000 retries must not keep 10,000 stacks. */
const MAX_RECORDS = 50;

/** One call on its way through the slow lane: everything that stages need to know about it. */
export class Execution {
  /** Attempts begun, including those a circuit refused. */
  attempts = 0;
  /** Retries begun or waited for: attempts beside each other are none. */
  retries = 0;
  /** Attempts that reached the method. */
  entered = 0;
  /** A stream that has emitted can neither be retried nor replaced. */
  emitted = false;
  /** A value that had expired answered in place of the error. */
  answeredStale = false;
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
  /** How its answers travel through the operators. */
  shape: Shape = settling;
  /** Its account is closed: it takes no share of a retry budget any more. */
  finished = false;
  /** A handler behind Nest's interceptors: its arguments are known only when it is reached. */
  handler = false;
  /** The method answers with a stream, so limits between items apply. */
  streaming = false;
  /** A dead letter holds it; it may have answered instead of the method. */
  kept = false;
  /** The total timeout has passed: nothing may follow but fallback and dead letter. */
  expired = false;
  lastError: unknown = undefined;
  /** What its fallbacks made of a result that they refused. */
  refused: unknown = undefined;
  callerSignal: AbortSignal | undefined;
  /** Set for a handler whose client is known. */
  caller: Caller | undefined;
  /** The lane that must be told when that client leaves while an attempt listens. */
  lane: { callerLeft(): void } | undefined;
  /** Set while somebody traces calls. */
  span: CallSpan | undefined;
  /** The latest. */
  attempt: Attempt | undefined;
  firstFailedAt = 0;
  readonly records: AttemptRecord[] = [];
  readonly fallbacks: FallbackRecord[] = [];
  self: unknown;
  args: readonly unknown[];

  /** Its first attempt in the slow lane runs already, so nobody can join it and nothing can answer in its place. */
  underway = false;

  private prepared: Attempt | undefined;
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

  /** A retry brought the answer. */
  get recovered(): boolean {
    return this.retries > 0 && this.rescuedBy === 0 && !this.answeredStale && !this.kept;
  }

  get aborted(): boolean {
    if (this.callerSignal !== undefined) return this.callerSignal.aborted;
    return this.caller?.endsCall === true && this.caller.gone();
  }

  /** Why, when it is {@link aborted}. */
  get abortReason(): unknown {
    return this.callerSignal === undefined ? this.caller?.reason() : (this.callerSignal.reason as unknown);
  }

  /** A traced call begins. */
  trace(): void {
    this.span ??= this.parts.context.tracer?.callStarted({ policy: this.parts.name });
  }

  endTrace(ending: TraceEnding): void {
    const { span, rescuedBy, entered, attempts } = this;
    this.span = undefined;
    if (span === undefined) return;
    const elsewhere = attempts > 0 && !this.answeredStale ? 'shared' : 'cache';
    const answeredBy =
      rescuedBy > 0
        ? 'fallback'
        : (entered === 0 || this.answeredStale) && ending.outcome === 'successful'
          ? elsewhere
          : 'method';
    span.end(ending, { attempts: entered, answeredBy, fallbackLevel: rescuedBy });
  }

  /** Runs what is part of the call but of no attempt. */
  within<T>(run: () => T): T {
    return this.span === undefined ? run() : this.span.run(run);
  }

  /** Starts the next attempt; it has not been admitted yet. */
  begin(now: number): Attempt {
    const prepared = this.prepared;
    this.prepared = undefined;
    if (prepared !== undefined) return prepared;
    return this.next(now);
  }

  /** Takes over a first attempt that a faster lane ran. */
  adopt(entered: boolean): Attempt {
    this.entered = entered ? 1 : 0;
    return this.attempt ?? this.next(this.startedAt);
  }

  /** The lane that takes over goes on with the attempt that runs already. */
  reuseAttempt(): void {
    this.prepared = this.attempt;
  }

  /** Attempts that run now: one, or several when hedging. */
  *running(): Iterable<Attempt> {
    for (let { attempt } = this; attempt !== undefined; attempt = attempt.beside) if (attempt.running) yield attempt;
  }

  noteFailure(error: unknown, attempt = this.attempt): void {
    this.lastError = error;
    this.firstFailedAt ||= this.parts.context.clock.epochNow();
    this.record(attempt, error);
  }

  record(attempt: Attempt | undefined, error: unknown): void {
    if (attempt === undefined) return;
    const { clock } = this.parts.context;
    const durationMs = clock.now() - attempt.startedAt;
    if (this.records.length >= MAX_RECORDS) this.records.splice(1, 1);
    this.records.push({ number: attempt.number, startedAt: clock.epochNow() - durationMs, durationMs, error });
  }

  /** The process waits no longer. @returns what the call ends with */
  giveUp(): ShutdownError {
    this.cutShort = 'shutdown';
    // A first attempt that was given up hands over to the operators, which give up what they are handed.
    const { lastError } = this;
    return lastError instanceof ShutdownError ? lastError : new ShutdownError(this.parts.name, lastError);
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

  private next(now: number): Attempt {
    const { timeout } = this.parts;
    const number = ++this.attempts;
    const givenUpAt =
      timeout === undefined ? Infinity : Math.min(now + timeout.attemptMs(number), this.startedAt + timeout.totalMs);
    const [beside] = this.attempt === undefined ? [] : this.running();
    this.attempt = new Attempt(this, number, this.lastError, now, givenUpAt, beside);
    if (this.span !== undefined) this.attempt.span = this.span.attemptStarted(number);
    return this.attempt;
  }
}

/** A method that takes a signal makes its waits abortable: an `AbortSignal` argument, or `{ signal }` as the last one. */
export function signalAmong(args: readonly unknown[]): AbortSignal | undefined {
  for (const arg of args) if (arg instanceof AbortSignal) return arg;
  const last = args.at(-1);
  if (typeof last !== 'object' || last === null || !('signal' in last)) return undefined;
  return last.signal instanceof AbortSignal ? last.signal : undefined;
}
