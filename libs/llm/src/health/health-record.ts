import type { FailureReason } from '@nest-resilience/core';

/**
 * `degraded`: it answers, but not as it should: it is rate limited, its model is gone from the list, one of its models is down, or its circuit
 * is half open and nothing has proven it since. `unknown`: neither checked nor used yet, or for too long, because checks are left out (see
 * `skipped`).
 */
export type LlmProviderStatus = 'up' | 'degraded' | 'down' | 'unknown';

/** What the checks of one provider cost within the last 24 hours. */
export interface LlmPaidChecks {
  /** Checks that asked for a token; the others are free. */
  readonly count: number;
  /** US dollars; absent when the provider has no `cost`, so that nobody knows. */
  readonly costUsd?: number;
}

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
  /** Why it is down, or degraded. */
  readonly reason?: FailureReason;
  readonly message?: string;
  /**
   * Why the last check was left out; the other facts are older then. `cost_cap`: it would have cost money, and the checks of the
   * last 24 hours have cost `health.maxCostPerDay`.
   */
  readonly skipped?: 'cost_cap';
  /** Absent for `offline`, whose checks never cost anything. */
  readonly paidChecks?: LlmPaidChecks;
}
