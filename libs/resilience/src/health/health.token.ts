import type { HealthSummary } from './health.report.js';

/** Token of whoever knows the health of the process; for readers (metrics) that must not need `@nestjs/terminus`. */
export const RESILIENCE_HEALTH = Symbol.for('nest-resilience:health');

export interface HealthSource {
  summary(): HealthSummary;
}
