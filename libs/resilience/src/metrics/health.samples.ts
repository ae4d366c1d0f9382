import type { HealthSource } from '../health/health.token.js';
import type { Sample } from './scraped-metric.js';

const VALUE = { up: 1, degraded: 0.5, down: 0, pending: 0 } as const;

export function* healthSamples(health: HealthSource): Generator<Sample> {
  for (const { name: check, status } of health.summary().checks) yield { labels: { check }, value: VALUE[status] };
}
