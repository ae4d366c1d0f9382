/** The token of `@nest-resilience/core/health`, which need not be installed. */
export const HEALTH_SOURCE = Symbol.for('nest-resilience:health');

/** A guess: most checks run every 30 s, and a load balancer that hears it should not wait for a whole round. */
export const HEALTH_RETRY_AFTER_MS = 10_000;

/** What the last health report says; `HealthSummary` of the health module is one. */
export interface HealthReading {
  readonly status: string;
  readonly reasons: readonly string[];
  readonly checks: readonly {
    readonly name: string;
    readonly critical: boolean;
    readonly status: 'pending' | 'up' | 'degraded' | 'down';
    readonly reason?: string;
  }[];
}

/** Why a run that requires health may not start now; empty when it may. Reads, never probes. */
export function healthReasons(required: boolean | readonly string[], reading: HealthReading | undefined): string[] {
  if (required === false) return [];
  if (!reading) return ['no health report: the application has no HealthModule of @nest-resilience/core/health'];
  const { checks } = reading;
  const names = required === true ? checks.filter(({ critical }) => critical).map(({ name }) => name) : required;
  return names.flatMap((name) => {
    const check = checks.find((one) => one.name === name);
    if (!check) return [`${name}: no such check; known: ${checks.map((one) => one.name).join(', ') || 'none'}`];
    if (check.status === 'up' || check.status === 'degraded') return [];
    return [`${name}: ${check.reason ?? (check.status === 'pending' ? 'has not run yet' : check.status)}`];
  });
}
