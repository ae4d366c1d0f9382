import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type Clock, type Random, RESILIENCE_CLOCK, RESILIENCE_RANDOM, ResilienceService } from '@nest-resilience/core';
import { counter, FigureTable, gauge } from '@nest-resilience/core/kit';
import { RedisConnection } from '../connection/redis.connection.js';
import { RedisCircuits } from './redis.circuits.js';
import { SharedCircuits } from './shared-circuits.js';

/** Joins the circuits of this application to those of the others before the first call. */
@Injectable()
export class ClusterCircuits implements OnModuleInit, OnApplicationShutdown {
  private readonly shared: SharedCircuits;

  constructor(
    private readonly resilience: ResilienceService,
    private readonly redis: RedisConnection,
    private readonly figures: FigureTable,
    @Inject(RESILIENCE_CLOCK) clock: Clock,
    @Inject(RESILIENCE_RANDOM) random: Random,
  ) {
    const { lease, sweep } = redis.options;
    const bus = new RedisCircuits(redis, clock);
    this.shared = new SharedCircuits({ bus, clock, random, leaseMs: lease, catchUpMs: sweep });
  }

  /** Replicas that showed a sign of life lately, this one among them. */
  get replicas(): number {
    return this.shared.replicas;
  }

  async onModuleInit(): Promise<void> {
    const { shared, redis } = this;
    const one = (read: () => number) => () => [{ labels: {}, value: read() }];
    this.figures.add(
      gauge(
        'resilience.cluster.replicas',
        '{replica}',
        'Replicas alive, as this one sees it',
        one(() => shared.replicas),
      ),
      gauge(
        'resilience.cluster.degraded',
        '{replica}',
        '1 while this replica decides alone',
        one(() => Number(redis.isAway)),
      ),
      counter(
        'resilience.cluster.votes',
        '{vote}',
        'Circuits opened by results of this replica',
        one(() => shared.counts.votes),
      ),
      counter(
        'resilience.cluster.adopted',
        '{state}',
        'States taken over from others',
        one(() => shared.counts.adopted),
      ),
      counter('resilience.cluster.probes', '{probe}', 'Probes asked for', () =>
        (['granted', 'taken'] as const).map((result) => ({ labels: { result }, value: shared.counts[result] })),
      ),
    );
    await shared.start(this.resilience.joinPeers(shared));
  }

  onApplicationShutdown(): void {
    this.shared.stop();
  }
}
