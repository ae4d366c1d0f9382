import type { ModuleRef } from '@nestjs/core';
import type { Lease } from './executor/lease.js';
import { HEALTH_SOURCE } from './health-gate.js';

/** `HealthRegistry` of `@nest-resilience/core/health`, which need not be installed. */
interface Registry {
  register(name: string, check: () => unknown, options: { critical: boolean; interval: string }): void;
  unregister(name: string): boolean;
}

const NAME = 'executions';

/** Shows in the health report, where there is one, that executions run in another process: a check that is there only meanwhile. */
export function showInHealth(moduleRef: ModuleRef, lease: Pick<Lease, 'refusal' | 'watch'>): void {
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
  lease.watch((elsewhere) => {
    registry.unregister(NAME);
    if (elsewhere) registry.register(NAME, check, { critical: false, interval: '2s' });
  });
}
