import type { HealthOutcome } from './health-outcome.js';

/** One finished run of one check. */
export type HealthReport = HealthOutcome & {
  readonly check: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
};

/** Where a check stands now. `pending` has not run yet. */
export interface HealthCheckState {
  readonly name: string;
  readonly critical: boolean;
  /** A stale check is `down`, whatever its last run said. */
  readonly status: 'pending' | 'up' | 'degraded' | 'down';
  readonly reason?: string;
  readonly details?: HealthOutcome['details'];
  /** Epoch milliseconds at which the last run began. */
  readonly checkedAt?: number;
  /** Since the last run ended. */
  readonly ageMs?: number;
  readonly durationMs?: number;
  /** The last run is older than three intervals. */
  readonly stale: boolean;
  /** Was up or degraded at least once. */
  readonly passedOnce: boolean;
}

/** `error`: a critical check is down. `degraded`: serving, but not as it should be. */
export type HealthStatus = 'ok' | 'degraded' | 'error';

/** All checks together. */
export interface HealthSummary {
  readonly status: HealthStatus;
  /** `name: reason` of everything that is not up. */
  readonly reasons: readonly string[];
  readonly checks: readonly HealthCheckState[];
}

export function summarize(checks: readonly HealthCheckState[]): HealthSummary {
  let status: HealthStatus = 'ok';
  const reasons: string[] = [];
  for (const check of checks) {
    const effect = effectOf(check);
    if (effect === 'error' || (effect === 'degraded' && status === 'ok')) status = effect;
    if (effect !== 'ok') reasons.push(`${check.name}: ${check.reason ?? check.status}`);
  }
  return { status, reasons, checks };
}

/** What one check means for the process. */
export function effectOf(check: HealthCheckState): HealthStatus {
  switch (check.status) {
    case 'up':
      return 'ok';
    case 'degraded':
      return 'degraded';
    case 'down':
      return check.critical ? 'error' : 'degraded';
    case 'pending':
      // Not knowing whether something critical works is no ground to take requests.
      return check.critical ? 'error' : 'ok';
  }
}
