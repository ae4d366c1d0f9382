import type { Duration } from '../engine/duration.js';
import type { HealthSummary } from './health.report.js';

/**
 * Token of whoever knows the health of the process. From the global symbol registry, so that readers which must not need
 * `@nestjs/terminus` name it without importing this folder.
 */
export const RESILIENCE_HEALTH = Symbol.for('nest-resilience:health');

/** As much of `HealthCheckOptions` as others need. */
interface HealthSourceOptions {
  readonly critical?: boolean;
  readonly interval?: Duration;
}

/** What the `HealthRegistry` is to others. */
export interface HealthSource {
  summary(): HealthSummary;
  register(name: string, check: () => unknown, options?: HealthSourceOptions): void;
  unregister(name: string): boolean;
}
