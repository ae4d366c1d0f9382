import type { Sample } from './scraped-metric.js';

/** The token under which `HealthModule` offers its registry; named here, so that metrics do without the peers of health. */
export const RESILIENCE_HEALTH = Symbol.for('nest-resilience:health');

/** What is read of the HealthRegistry. */
export interface HealthReading {
  summary(): { readonly checks: readonly { readonly name: string; readonly status: keyof typeof VALUE }[] };
}

const VALUE = { up: 1, degraded: 0.5, down: 0, pending: 0 } as const;

export function* healthSamples(health: HealthReading): Generator<Sample> {
  for (const { name: check, status } of health.summary().checks) yield { labels: { check }, value: VALUE[status] };
}
