import { randomUUID } from 'node:crypto';
import type { AttemptRecord } from './attempt.js';

/** A call that the pipeline could not rescue, handed to whoever keeps dead letters. */
export interface FailedCall {
  /** `Class.method`. */
  readonly target: string;
  readonly args: readonly unknown[];
  /** What the caller sees. */
  readonly error: unknown;
  readonly attempts: readonly AttemptRecord[];
  /** Fallbacks that were tried, in order, with what they threw. */
  readonly fallbacks: readonly FallbackRecord[];
  readonly executionId: string;
  /** Epoch milliseconds of the first failed attempt. */
  readonly firstFailedAt: number;
  /** `shutdown`: the process ended before a retry could run. */
  readonly reason: 'failed' | 'rescued' | 'shutdown';
}

/** A call that failed outside of its own policies. */
export type FailedElsewhere = Pick<FailedCall, 'target' | 'args' | 'error'>;

/** @param now epoch milliseconds */
export function failedOnce(call: FailedElsewhere, now: number): FailedCall {
  return {
    ...call,
    ...{ executionId: randomUUID(), firstFailedAt: now, reason: 'failed', fallbacks: [] },
    attempts: [{ number: 1, startedAt: now, durationMs: 0, error: call.error }],
  };
}

export interface FallbackRecord {
  /** From 1. */
  readonly level: number;
  readonly name: string;
  /** `undefined` when this fallback rescued the call. */
  readonly error: unknown;
}

/**
 * The seam between the pipeline and dead letters.
 * `store` resolves with the entry's id once it is durable, or with `undefined` when it could not be kept; it never rejects.
 */
export interface DeadLetterSink {
  store(call: FailedCall): Promise<string | undefined>;
}
