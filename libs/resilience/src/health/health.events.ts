import type { HealthStatus } from './health.report.js';

/** Emitted when the state of all checks together changes. */
export const HEALTH_CHANGED = 'resilience.health.changed' as const;

export interface HealthChangedEvent {
  readonly status: HealthStatus;
  /** `undefined` when this is the first time that all checks have run. */
  readonly previous: HealthStatus | undefined;
  /** `name: reason` of everything that is not up. */
  readonly reasons: readonly string[];
  /** Epoch milliseconds. */
  readonly at: number;
}

declare module '../events/resilience-event.map.js' {
  interface ResilienceEventMap {
    'resilience.health.changed': HealthChangedEvent;
  }
}
