import { type Clock, type Random, systemRandom } from '@nest-resilience/core';
import { repeatAfterEach } from '@nest-resilience/core/kit';
import type { ExecutionLease, SharedLedger, Work } from '../ledger/execution-store.js';
import { HeldLeases } from './held-leases.js';
import type { OfferedQueue } from './offered-queue.js';
import type { Presence } from './presence.js';
import type { WorkflowCluster, WorkOutcome } from './seams.js';

/** Offered at once by a sweep. */
const SWEPT = 500;
/** What waits is not offered again before. */
const AGAIN_MS = 30_000;
/** Until others may have what a process ran that did not know of leases. */
const GRACE_MS = 15_000;
const COUNT_MS = 1_000;

export interface ReplicaWorld {
  readonly cluster: WorkflowCluster;
  readonly shared: SharedLedger;
  readonly clock: Clock;
  readonly random?: Random;
  readonly concurrency: number;
  readonly presence: Presence;
  queue(): OfferedQueue;
  /** Runs an execution that was offered. */
  work(work: Work): Promise<WorkOutcome>;
  lost(id: string): void;
  report(message: string, error: unknown): void;
}

/** This process as one of several: renews what it runs, offers what was forgotten, takes what it is offered. */
export class Replica {
  readonly leases: HeldLeases;
  private readonly left: ExecutionLease[] = [];
  private readonly stops: (() => void)[] = [];
  private begun = false;
  private ready = false;
  private failing = false;

  constructor(private readonly world: ReplicaWorld) {
    const { shared, clock, cluster } = world;
    this.leases = new HeldLeases({ shared, clock, leaseMs: cluster.leaseMs, lost: (id) => world.lost(id) });
    cluster.dispatch.onForgotten?.(() => void this.guarded(() => shared.requeue()));
  }

  /** The application is ready. @param mayRun if not, {@link leading} comes once this process may run executions */
  async begin(mayRun: boolean): Promise<void> {
    this.ready = true;
    if (mayRun) await this.go();
  }

  leading(): void {
    if (this.ready) void this.go();
  }

  stillLeading(): void {
    // The sweeper finds what nobody runs.
  }

  /** Takes nothing new; what is in hand stays this process's until it {@link leave leaves}. */
  pause(): void {
    void this.world.cluster.dispatch.pause().catch((error: unknown) => this.report(error));
  }

  /** An execution that this process left unfinished because it goes. */
  interrupted(lease: ExecutionLease): void {
    this.left.push(lease);
  }

  /** Hands over what is unfinished. */
  async leave(): Promise<void> {
    for (const stop of this.stops.splice(0)) stop();
    const { cluster, shared } = this.world;
    if (this.left.length > 0)
      await this.guarded(async () => cluster.dispatch.offer(await shared.release(this.left.splice(0))));
    await cluster.dispatch.close().catch((error: unknown) => this.report(error));
  }

  private async go(): Promise<void> {
    if (this.begun) return;
    this.begun = true;
    const { cluster, shared, clock, concurrency, presence } = this.world;
    const { random = systemRandom } = this.world;
    const every = (pauseMs: () => number, act: () => Promise<void>): void => {
      this.stops.push(repeatAfterEach(clock, pauseMs, () => this.guarded(act)));
    };
    await this.guarded(async () => {
      await presence.beat();
      await shared.adopt(GRACE_MS);
    });
    every(
      () => cluster.leaseMs / 3,
      async () => {
        await this.leases.renew();
        await presence.beat();
      },
    );
    every(
      () => cluster.sweepMs * (0.8 + 0.4 * random()) * Math.max(1, presence.alive / 10),
      async () => cluster.dispatch.offer(await shared.due(SWEPT, AGAIN_MS)),
    );
    every(
      () => COUNT_MS,
      async () => this.world.queue().counted(await shared.waiting()),
    );
    await cluster.dispatch
      .start({ concurrency, run: (work) => this.world.work(work) })
      .catch((error: unknown) => this.report(error));
  }

  /** The next round is tried as usual. */
  private async guarded(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.report(error);
      this.failing = true;
    }
  }

  private report(error: unknown): void {
    this.world.report(
      'The ledger or the cluster fails: executions are shared with other replicas once it works',
      error,
    );
  }
}
