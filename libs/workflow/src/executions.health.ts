import type { ModuleRef } from '@nestjs/core';
import type { Lease } from './executor/lease.js';
import { HEALTH_SOURCE } from './health-gate.js';

/** `HealthRegistry` of `@nest-resilience/core/health`, which need not be installed. */
interface Registry {
  register(name: string, check: () => unknown, options: { critical: boolean; interval: string }): void;
}

/** Shows in the health report, where there is one, whether executions run here or in another process. */
export function showInHealth(moduleRef: ModuleRef, lease: Pick<Lease, 'refusal'>): void {
  let registry: Registry;
  try {
    registry = moduleRef.get<Registry>(HEALTH_SOURCE, { strict: false });
  } catch {
    return;
  }
  const check = () => {
    const { refusal } = lease;
    return refusal ? { status: 'degraded', reason: refusal.message } : { status: 'up' };
  };
  registry.register('executions', check, { critical: false, interval: '2s' });
}
