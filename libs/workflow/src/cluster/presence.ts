import type { Clock } from '@nest-resilience/core';
import type { ReplicaRecord, SeenReplica, SharedLedger } from '../ledger/execution-store.js';

/** An execution waits this long for a process that knows its version, since one was there. */
export const VERSION_PATIENCE_MS = 600_000;

/** Tells the ledger that this process is there, and knows who else is. */
export class Presence {
  private seen: readonly SeenReplica[] = [];
  private seenAt = 0;
  /** Versions that nobody announces, since when they are looked for. */
  private readonly missing = new Map<string, number>();

  constructor(
    private readonly world: {
      readonly shared: SharedLedger | undefined;
      readonly clock: Clock;
      /** What this process says of itself. */
      readonly me: () => ReplicaRecord;
      /** Without a sign of life for so long a process counts as gone. */
      readonly goneMs: number;
    },
  ) {}

  async beat(): Promise<void> {
    const { shared, clock, me } = this.world;
    if (!shared) return;
    const mine = me();
    const seen = await shared.announce(mine);
    this.seen = seen.filter(({ id }) => id !== mine.id);
    this.seenAt = clock.now();
  }

  /** The others, also those that are gone. */
  get others(): readonly SeenReplica[] {
    const late = this.world.clock.now() - this.seenAt;
    return this.seen.map((replica) => ({ ...replica, silentMs: replica.silentMs + late }));
  }

  /** This one included. */
  get alive(): number {
    return 1 + this.others.filter(({ silentMs }) => silentMs < this.world.goneMs).length;
  }

  /** Whether an execution of a version that this process does not know goes on waiting for one that does. */
  mustWait(version: string): boolean {
    const known = this.others.filter(({ versions }) => versions.includes(version));
    const now = this.world.clock.now();
    if (known.length > 0) {
      this.missing.delete(version);
      return known.some(({ silentMs }) => silentMs < VERSION_PATIENCE_MS);
    }
    const since = this.missing.get(version) ?? now;
    this.missing.set(version, since);
    return now - since < VERSION_PATIENCE_MS;
  }
}
