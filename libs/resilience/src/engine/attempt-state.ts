import { concat, defer, type Observable, tap } from 'rxjs';

import { onAbort } from './abort-listeners.js';
import type { AttemptContext } from './attempt.js';
import { isAbort } from './classifier/classify-error.js';
import type { Execution } from './execution.js';
import type { Permits } from './permits.js';
import type { CircuitBreaker } from './stages.js';
import { type AttemptSpan, CANCELLED, SUCCESSFUL } from './tracing.js';

/** One attempt of a call: what it holds while it runs, and how it ends. Its AbortController exists only if somebody reads `signal`. */
export class Attempt implements AttemptContext {
  /** Has neither answered nor been given up. */
  running = true;
  /** A stream that has emitted can neither be retried nor replaced. */
  emitted = false;
  /** A handler's attempt may fail before the handler: in a pipe, or an inner interceptor. */
  arrived: boolean;
  /** By the monotonic clock; moves when the attempt is admitted. */
  startedAt: number;
  /** Told when the attempt begins and ends waiting for a permit: that time is not the method's own. */
  onWaiting: ((waiting: boolean) => void) | undefined = undefined;

  span: AttemptSpan | undefined = undefined;

  private breaker: CircuitBreaker | undefined = undefined;
  private permit = -1;
  private permits: Permits | undefined = undefined;
  private controller: AbortController | undefined;
  private unlink: (() => void) | undefined;
  private abortReason: { readonly reason: unknown } | undefined;

  constructor(
    readonly execution: Execution,
    readonly number: number,
    readonly lastError: unknown,
    startedAt: number,
    /** By the monotonic clock; Infinity for never. */
    private readonly givenUpAt: number,
    /** Attempts that ran when this one began, each pointing to the next: only hedging has any. */
    readonly beside: Attempt | undefined,
  ) {
    this.startedAt = startedAt;
    this.arrived = !execution.handler;
  }

  get deadline(): number | undefined {
    if (this.givenUpAt === Infinity) return undefined;
    const { clock } = this.execution.parts.context;
    return clock.epochNow() + (this.givenUpAt - clock.now());
  }

  get executionId(): string {
    return this.execution.id;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.abortReason !== undefined) this.controller.abort(this.abortReason.reason);
      else this.followCaller(this.controller, this.execution);
    }
    return this.controller.signal;
  }

  /**
   * Asks the circuit, then for permits. Throws a refusal.
   * @returns completes when the attempt's turn has come; undefined when that is now
   */
  admit(): Observable<never> | undefined {
    const { permits, context } = this.execution.parts;
    this.askCircuit();
    if (permits === undefined) return undefined;
    if (!permits.tryAcquire(this.execution.args, context.clock.now())) return this.wait(permits);
    this.permits = permits;
    if (this.unwanted) {
      this.giveBack();
      throw this.execution.abortReason;
    }
    return undefined;
  }

  /** The method is called now. */
  reach<T>(call: () => T): T {
    this.execution.entered++;
    return this.traced(call);
  }

  /** Inside the attempt's span, if somebody traces. */
  traced<T>(run: () => T): T {
    return this.span === undefined ? run() : this.span.run(run);
  }

  /** Takes over what a faster lane acquired. */
  hold(breaker: CircuitBreaker | undefined, permit: number, permits: Permits | undefined): void {
    this.breaker = breaker;
    this.permit = permit;
    this.permits = permits;
  }

  /** Gives everything back until the stream that the attempt has shown to be is read. */
  postpone(): void {
    this.giveBack();
    this.execution.entered--;
  }

  succeeded(value: unknown): void {
    if (!this.running) return;
    const { breaker } = this;
    const now = this.end();
    try {
      breaker?.succeed(this.permit, this.startedAt, now, value);
    } catch (error) {
      this.execution.noteFailure(error, this);
      this.span?.end({ outcome: 'failed', error });
      throw error;
    } finally {
      this.releasePermits(now);
    }
    this.execution.record(this, undefined);
    this.span?.end(SUCCESSFUL);
  }

  /** @returns what the call goes on with: this error, or that of a predicate of the circuit's that gave no answer */
  failed(error: unknown): unknown {
    if (!this.running) return error;
    if (!this.arrived) this.execution.bypassed = true;
    // A caller who has left says nothing about the dependency, whatever the method made of it.
    if (this.execution.callerSignal?.aborted === true) {
      this.cancelled();
      return error;
    }
    const { breaker } = this;
    const now = this.end();
    let told = error;
    try {
      if (this.abandonedWith(error)) breaker?.release(this.permit, this.startedAt);
      else breaker?.fail(this.permit, this.startedAt, now, error);
    } catch (noAnswer) {
      told = noAnswer;
    }
    if (this.permits?.learns === true) told = this.permits.learn(this.execution, told, now);
    this.releasePermits(now, { error: told });
    this.execution.noteFailure(told, this);
    this.span?.end({ outcome: 'failed', error: told });
    return told;
  }

  /** A function of the user's (`key`, `cost`) may have ended the call that asks to be admitted. */
  private get unwanted(): boolean {
    return !this.running || this.execution.callerSignal?.aborted === true;
  }

  /** The consumer went away before the end: no result, unless it has seen something. */
  cancelled(): void {
    if (!this.running) return;
    const { breaker, execution } = this;
    this.abort(execution.aborted ? execution.abortReason : undefined);
    const now = this.end();
    if (this.emitted) breaker?.succeed(this.permit, this.startedAt, now, undefined);
    else breaker?.release(this.permit, this.startedAt);
    this.permits?.release();
    this.permits = undefined;
    this.span?.end(this.emitted ? SUCCESSFUL : CANCELLED);
  }

  /** Whether it failed because its caller left, which says nothing about the dependency. A deadline of the method's own is no such thing. */
  abandonedWith(error: unknown): boolean {
    if (this.execution.aborted) return true;
    const reason: unknown = this.abortReason?.reason ?? this.controller?.signal.reason;
    // An attempt that failed is aborted with its own error, so that what it left running stops too.
    return reason !== undefined && reason !== error && isAbort(error);
  }

  abort(reason: unknown): void {
    this.abortReason ??= { reason };
    this.controller?.abort(reason);
    this.detach();
  }

  /** Nothing of an attempt that has ended may stay on the caller's signal. */
  detach(): void {
    this.unlink?.();
    this.unlink = undefined;
  }

  private end(): number {
    this.detach();
    this.running = false;
    this.breaker = undefined;
    return this.execution.parts.context.clock.now();
  }

  private askCircuit(): void {
    const { breakers, stats, context } = this.execution.parts;
    const now = context.clock.now();
    this.startedAt = now;
    if (breakers === undefined) return;
    const breaker = breakers.select(this.execution.args);
    if (this.unwanted) throw this.execution.abortReason;
    const permit = breaker.tryAcquire(now);
    if (permit < 0) {
      stats.rejected++;
      throw breaker.rejection(now);
    }
    this.breaker = breaker;
    this.permit = permit;
  }

  /**
   * A refused permit says nothing about the dependency, so the circuit learns nothing of it. After a wait the circuit is asked
   * again: a full queue must not be let loose on a dependency that has been found dead meanwhile.
   */
  private wait(permits: Permits): Observable<never> {
    return concat(
      permits.acquire(this).pipe(
        tap({
          subscribe: () => this.onWaiting?.(true),
          error: () => this.leaveCircuit(),
          complete: () => void (this.permits = permits),
        }),
      ),
      defer((): [] => {
        this.leaveCircuit();
        this.askCircuit();
        this.onWaiting?.(false);
        return [];
      }),
    );
  }

  /** Of an attempt that never ran. */
  private giveBack(): void {
    const { args, parts } = this.execution;
    this.leaveCircuit();
    this.permits?.refund(args, parts.context.clock.now());
    this.permits = undefined;
  }

  private leaveCircuit(): void {
    this.breaker?.release(this.permit, this.startedAt);
    this.breaker = undefined;
  }

  /** Only after the circuit was told how the attempt ended: who gets the place asks the circuit first. */
  private releasePermits(now: number, failure?: { readonly error: unknown }): void {
    this.permits?.ended(now - this.startedAt, failure);
    this.permits = undefined;
  }

  private followCaller(controller: AbortController, { callerSignal, caller }: Execution): void {
    if (callerSignal === undefined) {
      if (caller?.gone() === true) return controller.abort(caller.reason());
      this.unlink = caller?.onGone(() => {
        controller.abort(caller.reason());
        if (caller.endsCall) this.execution.lane?.callerLeft();
      });
      return;
    }
    if (callerSignal.aborted) return controller.abort(callerSignal.reason);
    this.unlink = onAbort(callerSignal, () => controller.abort(callerSignal.reason));
  }
}
