import type { FailureReason } from '@nest-resilience/core';

/** `unknown`: neither checked nor used yet. */
export type LlmProviderStatus = 'up' | 'down' | 'unknown';

/** What is known about the reachability of one provider. */
export interface LlmProviderHealth {
  readonly provider: string;
  readonly status: LlmProviderStatus;
  /** How the last evidence came about. */
  readonly source?: 'check' | 'traffic';
  /** Of the last evidence, in milliseconds. */
  readonly latencyMs?: number;
  /** ISO date of the last success, by a check or by real traffic. */
  readonly lastSuccessAt?: string;
  /** Age of the last evidence in milliseconds. */
  readonly ageMs?: number;
  /** Why it is down. */
  readonly reason?: FailureReason;
  readonly message?: string;
}
