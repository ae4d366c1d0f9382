import type { Clock } from '@nest-resilience/core';
import type { ClusterView, WorkflowCluster } from '@nest-resilience/workflow';
import type { RedisConnection } from '../connection/redis.connection.js';
import { BullmqDispatch } from './bullmq.dispatch.js';
import { RedisBus } from './redis.bus.js';

/** What `WorkflowModule` needs to share executions, and what it tells of them. */
export class SharedWork implements WorkflowCluster {
  readonly replicaId: string;
  readonly leaseMs: number;
  readonly sweepMs: number;
  readonly dispatch: BullmqDispatch;
  readonly bus: RedisBus;
  /** Nobody, in an application without workflows. */
  view: () => ClusterView = () => ({ replicas: [], leases: 0 });

  constructor(redis: RedisConnection, clock: Clock) {
    const { replicaId, lease, sweep } = redis.options;
    [this.replicaId, this.leaseMs, this.sweepMs] = [replicaId, lease, sweep];
    this.dispatch = new BullmqDispatch(redis, clock);
    this.bus = new RedisBus(redis);
  }

  show(view: () => ClusterView): void {
    this.view = view;
  }
}
