import type { HealthCheckFunction, HealthCheckOptions } from './health-check.options.js';
import type { HealthSummary } from './health.report.js';

/**
 * Token of whoever knows the health of the process. From the global symbol registry, so that readers which must not need
 * `@nestjs/terminus` name it without importing this folder.
 */
export const RESILIENCE_HEALTH = Symbol.for('nest-resilience:health');

/** What the `HealthRegistry` is to others. */
export interface HealthSource {
  summary(): HealthSummary;
  register(name: string, check: HealthCheckFunction, options?: HealthCheckOptions): void;
  unregister(name: string): boolean;
}
