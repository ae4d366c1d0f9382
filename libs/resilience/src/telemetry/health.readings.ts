import type { BatchObservableResult } from '@opentelemetry/api';

import { ATTRIBUTES } from './attributes.js';
import type { Instruments } from './instruments.js';

/** The token under which `HealthModule` offers its registry; named here, so that telemetry does without the peers of health. */
export const RESILIENCE_HEALTH = Symbol.for('nest-resilience:health');

/** What is read of the HealthRegistry. */
export interface HealthReading {
  summary(): { readonly checks: readonly { readonly name: string; readonly status: keyof typeof VALUE }[] };
}

const VALUE = { up: 1, degraded: 0.5, down: 0, pending: 0 } as const;

export function readHealth(result: BatchObservableResult, instruments: Instruments, health: HealthReading): void {
  for (const { name, status } of health.summary().checks) {
    result.observe(instruments.health, VALUE[status], { [ATTRIBUTES.check]: name });
  }
}
