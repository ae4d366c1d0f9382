/** What went wrong, in words that do not depend on the client library. */
export type FailureReason =
  | 'timeout'
  | 'network'
  | 'rate_limit'
  | 'quota'
  | 'overloaded'
  | 'server_error'
  | 'auth'
  | 'permission'
  | 'not_found'
  | 'bad_request'
  | 'context_length'
  | 'content_policy'
  | 'invalid_output'
  | 'aborted'
  | 'circuit_open'
  | 'bulkhead_full'
  | 'resource'
  | 'unknown';

/**
 * What a table says of a code: a reason; an HTTP status that means the same, whose meanings words then tell apart; or `abort`, which is
 * the caller's wish or somebody else's deadline, as the case may be.
 */
export type Meaning = FailureReason | 'abort' | number;

/** `transient` passes by itself, `permanent` does not, `system` is this machine, `unknown` could be either. */
export type FailureKind = 'transient' | 'permanent' | 'system' | 'unknown';

export interface ErrorClassification {
  readonly kind: FailureKind;
  readonly reason: FailureReason;
  /** Whether `@Retry` tries again by default. */
  readonly retryable: boolean;
  /** Whether a circuit breaker counts it by default. */
  readonly countsAsFailure: boolean;
  /** The server's own hint in milliseconds, when it gave one. */
  readonly retryAfterMs?: number;
}

export type Verdict = Omit<ErrorClassification, 'reason' | 'retryAfterMs'>;

const passes = { kind: 'transient', retryable: true, countsAsFailure: true } as const;
/** The dependency answered, and will answer the same again; other callers suffer too, so a breaker counts it. */
const staysBroken = { kind: 'permanent', retryable: false, countsAsFailure: true } as const;
/** The caller's own fault: the dependency is healthy. */
const callersFault = { kind: 'permanent', retryable: false, countsAsFailure: false } as const;
/** Refused by limits of our own: the dependency was not asked, so its circuit has nothing to learn. */
export const OWN_RATE_LIMIT = { kind: 'transient', retryable: true, countsAsFailure: false } as const;
const noRoomHere = { kind: 'transient', retryable: false, countsAsFailure: false } as const;
const refusedLocally = { kind: 'transient', retryable: false, countsAsFailure: true } as const;

/** The defaults of every policy that looks at errors. */
export const VERDICTS: Readonly<Record<FailureReason, Verdict>> = {
  timeout: passes,
  network: passes,
  rate_limit: passes,
  overloaded: passes,
  server_error: passes,
  invalid_output: passes,
  quota: staysBroken,
  auth: staysBroken,
  permission: staysBroken,
  not_found: callersFault,
  bad_request: callersFault,
  context_length: callersFault,
  content_policy: callersFault,
  aborted: callersFault,
  circuit_open: refusedLocally,
  bulkhead_full: noRoomHere,
  resource: { kind: 'system', retryable: true, countsAsFailure: true },
  unknown: { kind: 'unknown', retryable: true, countsAsFailure: true },
};

export const FAILURE_REASONS = Object.keys(VERDICTS) as readonly FailureReason[];
