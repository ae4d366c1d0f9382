import { type HealthSource, RESILIENCE_HEALTH } from '@nest-resilience/core/kit';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { RedisConnection } from './connection/redis.connection.js';

/** Shows in the health report, where there is one, what the connection suffers from. It never takes the process out of service. */
@Injectable()
export class ClusterHealth implements OnModuleInit {
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly redis: RedisConnection,
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
    const { troubles } = this.redis;
    return troubles.length > 0 ? { status: 'degraded', reason: troubles.join('; ') } : { status: 'up' };
  }
}
