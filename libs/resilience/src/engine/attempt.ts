/**
 * What one attempt knows about itself. A method receives it through `@Attempt()`, a function run by
 * `createPolicy(...).execute(fn)` as its argument.
 */
export interface AttemptContext {
  /** Counts from 1. */
  readonly number: number;
  /** Aborted when this attempt timed out, the caller gave up or the process shuts down. Made only when read. */
  readonly signal: AbortSignal;
  /** Error of the attempt before, `undefined` in the first. */
  readonly lastError: unknown;
  /** Same for every attempt of one call; a key for idempotent downstream requests. */
  readonly executionId: string;
  /** Epoch milliseconds at which this attempt will be given up, `undefined` without a timeout. */
  readonly deadline: number | undefined;
}

/** One finished attempt, as dead letters and ledgers keep it. */
export interface AttemptRecord {
  readonly number: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** `undefined` when the attempt succeeded or its result was merely not accepted. */
  readonly error: unknown;
}
