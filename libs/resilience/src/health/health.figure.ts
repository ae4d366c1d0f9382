import { each, type Figure, gauge, named } from '../engine/figure.js';
import type { HealthSource } from './health.token.js';

const VALUE = { up: 1, degraded: 0.5, down: 0, pending: 0 } as const;

export function healthFigure(health: Pick<HealthSource, 'summary'>): Figure {
  const checks = () => health.summary().checks;
  const read = each(checks, named('check'), ({ status }) => VALUE[status]);
  return gauge('resilience.health', '1', '1 up, 0.5 degraded, 0 down or unknown', read);
}
