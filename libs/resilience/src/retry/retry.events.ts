export interface RetryScheduledEvent {
  readonly policy: string;
  readonly executionId: string;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
  /** Whether the delay is the server's own hint. */
  readonly hinted: boolean;
  /** `undefined` when the result was not accepted. */
  readonly error: unknown;
}

export interface RetryRecoveredEvent {
  readonly policy: string;
  readonly executionId: string;
  readonly attempts: number;
}

/** Why no further retry was made. */
export type RetryStop = 'max-retries' | 'max-elapsed' | 'retry-after-cap' | 'budget' | 'strategy' | 'shutdown';

export interface RetryExhaustedEvent {
  readonly policy: string;
  readonly executionId: string;
  readonly attempts: number;
  readonly because: RetryStop;
  readonly error: unknown;
}

export interface RetryEvents {
  'resilience.retry.scheduled': RetryScheduledEvent;
  'resilience.retry.recovered': RetryRecoveredEvent;
  'resilience.retry.exhausted': RetryExhaustedEvent;
}
