/**
 * Sees calls and attempts while they run, e.g. as spans. What events cannot do: it lends its context to the method, so that
 * what the method does (a query, a request to another service) is seen as part of the attempt.
 *
 * Its methods are in the way of the call: they must not throw. A traced call takes the slow lane.
 */
export interface CallTracer {
  /** A call begins; asked in the async context of the caller. */
  callStarted(call: TracedCall): CallSpan;
}

export interface TracedCall {
  /** `Class.method`, or the name of the policy. */
  readonly policy: string;
}

/** One call, from its arrival until it is answered. */
export interface CallSpan {
  /** Runs what is neither attempt nor wait: a fallback, the writing of a dead letter. */
  run<T>(fn: () => T): T;
  /** An attempt begins; also one that a circuit or another limit goes on to refuse. @param number from 1 */
  attemptStarted(number: number): AttemptSpan;
  /** Once, after the last attempt has ended. */
  end(ending: TraceEnding, facts: CallFacts): void;
}

export interface AttemptSpan {
  /**
   * Runs the method. Of a stream, also its subscription, and each `next()` of an async iterable: they are where its work is done.
   */
  run<T>(fn: () => T): T;
  /** Once. A result that `retryOnResult` rejected is successful: the method did what it does. */
  end(ending: TraceEnding): void;
}

/** `cancelled`: nobody waits for it any more, or another attempt of the call was faster. */
export type TraceEnding =
  | { readonly outcome: 'successful' }
  | { readonly outcome: 'failed'; readonly error: unknown }
  | { readonly outcome: 'cancelled' };

export const SUCCESSFUL: TraceEnding = { outcome: 'successful' };
export const CANCELLED: TraceEnding = { outcome: 'cancelled' };

/** What only the end of a call shows. */
export interface CallFacts {
  /** Times the method was entered. */
  readonly attempts: number;
  /** Where the answer came from; `shared` is the running call of somebody else. */
  readonly answeredBy: 'method' | 'fallback' | 'cache' | 'shared';
  /** Level of the fallback that answered, 0 for none. */
  readonly fallbackLevel: number;
}

/** Where an application's tracer is plugged in. Lanes read the field once per call, which is all that a call nobody traces pays. */
export interface Traceable {
  tracer?: CallTracer | undefined;
}
