import type { HealthCheckState } from '@nest-resilience/core/kit';

/** A guess: most checks run every 30 s, and a load balancer that hears it should not wait for a whole round. */
export const HEALTH_RETRY_AFTER_MS = 10_000;

/** What of the last health report matters here. */
type HealthReading = readonly Pick<HealthCheckState, 'name' | 'critical' | 'status' | 'reason'>[];

/** Why a run that requires health may not start now; empty when it may. Reads, never probes. */
export function healthReasons(required: boolean | readonly string[], checks: HealthReading | undefined): string[] {
  if (required === false) return [];
  if (!checks) return ['no health report: the application has no HealthModule of @nest-resilience/core/health'];
  const names = required === true ? checks.filter(({ critical }) => critical).map(({ name }) => name) : required;
  return names.flatMap((name) => {
    const check = checks.find((one) => one.name === name);
    if (!check) return [`${name}: no such check; known: ${checks.map((one) => one.name).join(', ') || 'none'}`];
    if (check.status === 'up' || check.status === 'degraded') return [];
    return [`${name}: ${check.reason ?? (check.status === 'pending' ? 'has not run yet' : check.status)}`];
  });
}
