import { type HealthSource, RESILIENCE_HEALTH } from '@nest-resilience/core/kit';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SharedWork } from './work/shared-work.js';
import { RedisConnection } from './connection/redis.connection.js';

/** Shows in the health report, where there is one, what the connection suffers from. It never takes the process out of service. */
@Injectable()
export class ClusterHealth implements OnModuleInit {
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly redis: RedisConnection,
    private readonly work: SharedWork,
  ) {}

  onModuleInit(): void {
    let registry: HealthSource;
    try {
      registry = this.moduleRef.get<HealthSource>(RESILIENCE_HEALTH, { strict: false });
    } catch {
      return;
    }
    registry.register('cluster', () => this.check(), { critical: false, interval: '2s' });
  }

  private check() {
    const { double } = this.work.view();
    const twin = double && `another process goes by the id '${double.id}' of this replica: give each its own replicaId`;
    const troubles = [...(twin === undefined ? [] : [twin]), ...this.redis.troubles];
    return troubles.length > 0 ? { status: 'degraded', reason: troubles.join('; ') } : { status: 'up' };
  }
}
