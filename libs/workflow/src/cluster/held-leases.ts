import type { Clock } from '@nest-resilience/core';
import type { ExecutionLease, SharedLedger } from '../ledger/execution-store.js';

/** From this share of its time on a lease is not relied on without asking. */
const DOUBT = 0.8;

interface Held {
  readonly lease: ExecutionLease;
  /** When it was certainly ours, by the monotonic clock. */
  sureAt: number;
}

/** Leases of exactly what is at work in this process: whatever else it may own is left to others. */
export class HeldLeases {
  private readonly byId = new Map<string, Held>();
  private renewing: Promise<void> | undefined;

  constructor(
    private readonly world: {
      readonly shared: SharedLedger;
      readonly clock: Clock;
      readonly leaseMs: number;
      /** Somebody else has it, or it ended: nothing more may be done for it here. */
      lost(id: string): void;
    },
  ) {}

  /** @param askedAt when it was asked for */
  hold(lease: ExecutionLease, askedAt: number): void {
    this.byId.set(lease.id, { lease, sureAt: askedAt });
  }

  drop(id: string): ExecutionLease | undefined {
    const held = this.byId.get(id);
    this.byId.delete(id);
    return held?.lease;
  }

  get size(): number {
    return this.byId.size;
  }

  /** True while it is certainly held; else a promise of whether it is. Rejects when the ledger does not answer. */
  certain(id: string): true | Promise<boolean> {
    const held = this.byId.get(id);
    if (held && this.world.clock.now() - held.sureAt < DOUBT * this.world.leaseMs) return true;
    return this.ask(id);
  }

  /** Prolongs all of them. Rejects when the ledger does not answer. */
  renew(): Promise<void> {
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async ask(id: string): Promise<boolean> {
    if (!this.byId.has(id)) return false;
    await this.renew();
    return this.byId.has(id);
  }

  private async renewOnce(): Promise<void> {
    const { shared, clock, leaseMs } = this.world;
    const asked = [...this.byId.values()];
    if (asked.length === 0) return;
    const at = clock.now();
    const lost = new Set(
      await shared.renew(
        asked.map(({ lease }) => lease),
        leaseMs,
      ),
    );
    for (const held of asked) {
      const { id } = held.lease;
      if (!lost.has(id)) held.sureAt = Math.max(held.sureAt, at);
      // Unless it was claimed anew meanwhile.
      else if (this.byId.get(id) === held) {
        this.byId.delete(id);
        this.world.lost(id);
      }
    }
  }
}
