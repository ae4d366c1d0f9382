import type { Clock } from '@nest-resilience/core';
import { counter, type FigureTable, gauge } from '@nest-resilience/core/kit';
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

  constructor(redis: RedisConnection, clock: Clock, figures: FigureTable) {
    const { replicaId, lease, sweep } = redis.options;
    [this.replicaId, this.leaseMs, this.sweepMs] = [replicaId, lease, sweep];
    this.dispatch = new BullmqDispatch(redis, clock);
    this.bus = new RedisBus(redis);
    figures.add(
      gauge('resilience.cluster.queue.jobs', '{job}', 'Executions that are offered: use max, not sum', () =>
        Object.entries<number>({ ...this.dispatch.known }).map(([state, value]) => ({ labels: { state }, value })),
      ),
      gauge('resilience.cluster.leases', '{execution}', 'Executions that this replica has in hand', () => [
        { labels: {}, value: this.view().leases },
      ]),
      counter('resilience.cluster.offers.failed', '{offer}', 'Offers that Redis did not take', () => [
        { labels: {}, value: this.dispatch.failures },
      ]),
    );
  }

  show(view: () => ClusterView): void {
    this.view = view;
  }
}
