import type { HealthSummary } from './health.report.js';

/**
 * Token of whoever knows the health of the process. From the global symbol registry, so that readers which must not need
 * `@nestjs/terminus` (metrics) name it without importing this folder.
 */
export const RESILIENCE_HEALTH = Symbol.for('nest-resilience:health');

export interface HealthSource {
  summary(): HealthSummary;
}
