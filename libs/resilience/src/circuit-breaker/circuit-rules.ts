import { atOnce } from '../engine/at-once.js';
import { classifyError } from '../engine/classifier/classify-error.js';
import { parseDuration } from '../engine/duration.js';
import { ResilienceOptionsError } from '../engine/errors.js';
import { compileMatcher, type ErrorPredicate } from '../engine/matcher.js';
import type { PolicyContext } from '../engine/policy-context.js';
import {
  DEFAULT_CIRCUIT_BREAKER_OPTIONS,
  type ResolvedCircuitBreakerOptions,
  type ResolvedWindow,
} from './circuit-breaker.options.js';
import type { OpeningCause, TransitionRules } from './circuit-breaker.state.js';
import { ConsecutiveWindow } from './window/consecutive-window.js';
import { CountWindow } from './window/count-window.js';
import { SMALL_WINDOW, SmallCountWindow } from './window/small-count-window.js';
import { TimeWindow } from './window/time-window.js';
import type { OutcomeWindow } from './window/window.js';

/** Of a probe that never ended. */
const NO_CAUSE: OpeningCause = { error: undefined, failureRate: 1 };

/** What all circuits of one policy have in common, computed once so that a circuit itself stays small. */
export class CircuitRules implements TransitionRules {
  readonly successThreshold: number;
  readonly halfOpenTimeout: number;
  readonly halfOpenCalls: number;
  readonly halfOpenFailureRate: number | undefined;
  readonly rampUp: number;
  readonly minimumCalls: number;
  readonly records: (error: unknown) => boolean;
  readonly rejects: ((value: unknown) => boolean) | undefined;
  /** Of a `recoveryTimeout` that answered with a promise. */
  private noAnswer: unknown = undefined;

  constructor(
    readonly options: ResolvedCircuitBreakerOptions,
    readonly context: PolicyContext,
  ) {
    this.successThreshold = options.successThreshold;
    this.halfOpenTimeout = options.halfOpenTimeout;
    this.halfOpenCalls = options.halfOpenCalls;
    this.halfOpenFailureRate = options.halfOpenFailureRate;
    this.rampUp = options.rampUp ?? 0;
    const { window, minimumCalls } = options;
    this.minimumCalls = window.type === 'count' ? Math.min(minimumCalls, window.size) : minimumCalls;
    const { recordResult } = options;
    this.records = answering(recordPredicate(options), true);
    this.rejects =
      recordResult &&
      answering((value) => atOnce<unknown>(recordResult(value), '@CircuitBreaker > recordResult') === true, false);
  }

  /** Whether other options say the same. A function is only the same as itself: what it closes over cannot be seen. */
  isMadeOf(options: ResolvedCircuitBreakerOptions): boolean {
    for (const option of Object.keys(options) as (keyof ResolvedCircuitBreakerOptions)[]) {
      if (option === 'name' || option === 'window') continue;
      if (!Object.is(this.options[option], options[option])) return false;
    }
    return sameWindow(this.options.window, options.window);
  }

  recoveryMs(timesOpened: number, { error, failureRate }: OpeningCause = NO_CAUSE): number {
    const { recoveryTimeout } = this.options;
    if (typeof recoveryTimeout === 'number') return recoveryTimeout;
    // A broken function must not leave the circuit open for ever or flapping, nor break those who only look at it.
    let ms: number | undefined;
    try {
      const { retryAfterMs } = classifyError(error, this.context.clock.epochNow());
      const asked = recoveryTimeout(timesOpened, { error, failureRate, retryAfterMs });
      ms = parseDuration(atOnce(asked, '@CircuitBreaker > recoveryTimeout'));
    } catch (error) {
      if (error instanceof ResilienceOptionsError) this.noAnswer = error;
    }
    return ms !== undefined && ms >= 0 ? ms : DEFAULT_CIRCUIT_BREAKER_OPTIONS.recoveryTimeout;
  }

  /** Tells the call that opened a circuit that `recoveryTimeout` gave no answer. */
  complain(): void {
    const { noAnswer } = this;
    this.noAnswer = undefined;
    if (noAnswer !== undefined) throw noAnswer;
  }

  createWindow(): OutcomeWindow {
    const { window } = this.options;
    if (window.type === 'count') {
      return window.size <= SMALL_WINDOW ? new SmallCountWindow(window.size) : new CountWindow(window.size);
    }
    return window.type === 'time' ? new TimeWindow(window.durationMs) : new ConsecutiveWindow();
  }

  /** The window that goes on from one that other rules made; a count window keeps its newest outcomes when it is resized. */
  windowAfter(window: OutcomeWindow, before: CircuitRules): OutcomeWindow {
    const was = before.options.window;
    const is = this.options.window;
    if (sameWindow(was, is)) return window;
    const next = this.createWindow();
    if (was.type !== 'count' || is.type !== 'count') return next;
    for (const { failed, slow } of window.outcomes?.() ?? []) next.record(failed, slow, 0);
    return next;
  }

  isSlow(durationMs: number): boolean {
    return durationMs > this.options.slowCallDuration;
  }

  trips(window: OutcomeWindow): boolean {
    const { window: kind, failureThreshold, failureRate, slowCallRate } = this.options;
    if (kind.type === 'consecutive') return window.failures >= failureThreshold;
    if (window.calls < this.minimumCalls) return false;
    return (
      window.failures / window.calls >= failureRate ||
      (window.slowCalls > 0 && window.slowCalls / window.calls >= slowCallRate)
    );
  }
}

function sameWindow(a: ResolvedWindow, b: ResolvedWindow): boolean {
  if (a.type === 'count') return b.type === 'count' && a.size === b.size;
  return a.type === 'time' ? b.type === 'time' && a.durationMs === b.durationMs : b.type === a.type;
}

/**
 * A function of the user's that throws must neither hide the call's own outcome nor keep it from being settled. One that answers
 * with a promise has never worked, and is told.
 */
function answering<A, R>(ask: (input: A) => R, otherwise: R): (input: A) => R {
  return (input) => {
    try {
      return ask(input);
    } catch (error) {
      if (error instanceof ResilienceOptionsError) throw error;
      return otherwise;
    }
  };
}

function recordPredicate({ recordOn, ignoreOn }: ResolvedCircuitBreakerOptions): ErrorPredicate {
  const record =
    recordOn === undefined
      ? (error: unknown) => classifyError(error).countsAsFailure
      : compileMatcher(recordOn, '@CircuitBreaker > recordOn');
  if (ignoreOn === undefined) return record;
  const ignore = compileMatcher(ignoreOn, '@CircuitBreaker > ignoreOn');
  return (error) => !ignore(error) && record(error);
}
