import type { ErrorClassification } from '../engine/classifier/classification.js';
import type { FailedCall } from '../engine/dead-letter-sink.js';

/**
 * - `pending`: waits for somebody to run it again;
 * - `redriving`: one replica is running it at this moment, under a lease;
 * - `resolved`: a redrive succeeded;
 * - `poisoned`: every redrive it was granted failed, only a person moves it;
 * - `discarded`: a person decided that it will not be run.
 */
export type DeadLetterStatus = 'pending' | 'redriving' | 'resolved' | 'poisoned' | 'discarded';

export const DEAD_LETTER_STATUSES: readonly DeadLetterStatus[] = [
  'pending',
  'redriving',
  'resolved',
  'poisoned',
  'discarded',
];

/** An error as it is kept: plain data, free of secrets. */
export interface StoredError {
  readonly name: string;
  readonly message: string;
  /** `error.code`, e.g. `'ECONNRESET'`. */
  readonly code?: string | number;
  /** HTTP status, wherever the error carried it. */
  readonly status?: number;
  readonly stack?: string;
  readonly cause?: StoredError;
  /** Of an AggregateError. */
  readonly errors?: readonly StoredError[];
  readonly classification?: ErrorClassification;
}

export interface StoredAttempt {
  /** From 1. */
  readonly number: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly error?: StoredError;
}

export interface StoredFallback {
  /** From 1. */
  readonly level: number;
  readonly name: string;
  /** Missing when this fallback rescued the call. */
  readonly error?: StoredError;
}

/** Arguments in the form that stores keep: plain JSON, with superjson's notes on what is a Date, a Map and so on. */
export interface StoredArgs {
  /** `custom`: made by the method's own `serializeArgs`. */
  readonly encoding: 'superjson' | 'custom';
  readonly json: unknown;
  readonly meta?: unknown;
  /** All of them, gzipped and in base64, where they are large: `json` is an excerpt for people then. */
  readonly blob?: string;
  /** Only in what a list gave: a part of them, for people; `get(id)` has them whole. */
  readonly excerpt?: true;
}

/** One entry as a store keeps it: nothing in it is lost in JSON. All times are epoch milliseconds. */
export interface DeadLetterRecord {
  /** UUIDv7: ids sort by the time of the failure. */
  readonly id: string;
  readonly queue: string;
  /** `Class.method`. */
  readonly target: string;
  readonly args: StoredArgs;
  /** `false` when the stored arguments are not those of the call; {@link notReplayable} says why. */
  readonly replayable: boolean;
  readonly notReplayable: readonly string[];
  /** Places of values that were not stored, e.g. `args[0].password`. */
  readonly redacted: readonly string[];
  readonly reason: FailedCall['reason'];
  readonly error: StoredError;
  readonly attempts: readonly StoredAttempt[];
  readonly fallbacks: readonly StoredFallback[];
  readonly executionId: string;
  readonly traceparent?: string;
  readonly idempotencyKey?: string;
  /** Failed calls in this entry: more than 1 when calls with one idempotency key met. */
  readonly occurrences: number;
  readonly firstFailedAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When it became resolved or discarded. */
  readonly closedAt?: number;
  readonly status: DeadLetterStatus;
  /** Redrives that have ended so far, however they ended. */
  readonly redrives: number;
  readonly maxRedrives: number;
  readonly lastRedriveAt?: number;
  readonly lastRedriveError?: StoredError;
  readonly note?: string;
}

/** A {@link DeadLetterRecord} for reading: with the arguments as the method would get them. */
export interface DeadLetterEntry extends Omit<DeadLetterRecord, 'args'> {
  readonly args: readonly unknown[];
  /** `true` in lists, where the arguments are large: {@link args} shows a part of them, `get(id)` has them whole. */
  readonly excerpt?: boolean;
}
