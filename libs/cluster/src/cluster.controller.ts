import { AdminRoute } from '@nest-resilience/core/admin';
import { Controller, Get, Inject, Optional, VERSION_NEUTRAL } from '@nestjs/common';
import { RedisConnection } from './connection/redis.connection.js';
import { SharedWork } from './work/shared-work.js';

/** What operators see of the replicas. Every replica answers the same, but for `replica` and `redis`. */
@Controller({ path: 'resilience/cluster', version: VERSION_NEUTRAL })
@AdminRoute()
export class ClusterController {
  constructor(
    @Inject(RedisConnection) private readonly redis: RedisConnection,
    @Optional() @Inject(SharedWork) private readonly work: SharedWork | undefined,
  ) {}

  @Get()
  async cluster() {
    const { isAway, troubles, options } = this.redis;
    const { replicas, leases } = this.work?.view() ?? { replicas: [], leases: 0 };
    return {
      ...{ replica: options.replicaId, leases },
      redis: { at: options.redis.shown, away: isAway, troubles },
      replicas: replicas.map(({ startedAt, silentMs, ...replica }) => ({
        ...replica,
        startedAt: new Date(startedAt).toISOString(),
        silentMs: Math.round(silentMs),
        alive: silentMs < options.lease,
      })),
      // Unknown while Redis does not answer.
      queue: (await this.work?.dispatch.counts().catch(() => undefined)) ?? null,
    };
  }
}
