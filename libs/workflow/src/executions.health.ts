import { type HealthSource, RESILIENCE_HEALTH } from '@nest-resilience/core/kit';
import type { ModuleRef } from '@nestjs/core';
import type { Lease } from './executor/lease.js';

const NAME = 'executions';

/** Shows in the health report, where there is one, that executions run in another process: a check that is there only meanwhile. */
export function showInHealth(moduleRef: ModuleRef, lease: Pick<Lease, 'refusal' | 'watch'>): void {
  let registry: HealthSource;
  try {
    registry = moduleRef.get<HealthSource>(RESILIENCE_HEALTH, { strict: false });
  } catch {
    return;
  }
  const check = () => {
    const { refusal } = lease;
    return refusal ? { status: 'degraded', reason: refusal.message } : { status: 'up' };
  };
  lease.watch((elsewhere) => {
    registry.unregister(NAME);
    if (elsewhere) registry.register(NAME, check, { critical: false, interval: '2s' });
  });
}
