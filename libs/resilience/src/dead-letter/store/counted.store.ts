import { mayPassAtStart } from '../../engine/classifier/may-pass.js';
import type { Clock } from '../../engine/clock.js';
import type { DeadLetterEntry, DeadLetterRecord, DeadLetterStatus } from '../dead-letter.entry.js';
import { NoAnswer } from '../spill/spill.js';
import type {
  DeadLetterAdded,
  DeadLetterEdit,
  DeadLetterFilter,
  DeadLetterLease,
  DeadLetterStore,
  LeaseRequest,
  PruneReport,
  PruneRequest,
  Settlement,
} from './dead-letter.store.js';

/** Entries that still want somebody. */
const OPEN: ReadonlySet<DeadLetterEntry['status']> = new Set(['pending', 'redriving', 'poisoned']);

/** Longer than a server needs that is merely busy; an application that is starting is not kept longer by one that hangs. */
const OPEN_MS = 5_000;
/** Counts that changed while they were read are read again, but not for ever. */
const MAX_RECOUNTS = 3;

/**
 * Any store, opened at the latest when it is used, with the number of open entries per queue at hand, so that metrics are read
 * without asking the store. Exact for one process; what other replicas do is seen at the next recount.
 */
export class CountedDeadLetterStore implements DeadLetterStore {
  private byQueue: Record<string, number> = {};
  private opening: Promise<void> | undefined;
  private changes = 0;
  private failed: Error | undefined;

  constructor(
    private readonly store: DeadLetterStore,
    private readonly clock: Clock,
  ) {}

  get name(): string {
    return this.store.name;
  }

  get durable(): boolean {
    return this.store.durable;
  }

  /** Pending, redriving and poisoned entries by queue. */
  get open(): Readonly<Record<string, number>> {
    return this.byQueue;
  }

  /** Why {@link start} could not open the store. */
  get failure(): Error | undefined {
    return this.failed;
  }

  /**
   * Opens the store for an application that starts: one that is away, or does not answer within 5 s, is a {@link failure} and
   * opened by whoever uses it next.
   * @throws what does not pass by itself: a missing driver, a wrong password, a directory that may not be written
   */
  async start(): Promise<void> {
    try {
      await this.init();
    } catch (error) {
      if (!(error instanceof NoAnswer) && !mayPassAtStart(error)) throw error;
      this.failed = error as Error;
    }
  }

  init(): Promise<void> {
    this.opening ??= this.initWithin(OPEN_MS).catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  async recount(): Promise<void> {
    for (let reads = 1; ; reads++) {
      const before = this.changes;
      const counts: Record<string, number> = {};
      for (const { queue, status, count } of await this.store.count()) {
        if (OPEN.has(status)) counts[queue] = (counts[queue] ?? 0) + count;
      }
      // What changed meanwhile may be in these counts, or not.
      if (this.changes !== before && reads < MAX_RECOUNTS) continue;
      this.byQueue = counts;
      return;
    }
  }

  async add(record: DeadLetterRecord): Promise<DeadLetterAdded> {
    await this.init();
    const added = await this.store.add(record);
    if (added.outcome === 'added') this.change(record.queue, 1);
    return added;
  }

  async probe(): Promise<void> {
    await this.init();
    await (this.store.probe?.() ?? this.store.get('probe'));
  }

  async get(id: string): Promise<DeadLetterRecord | undefined> {
    await this.init();
    return this.store.get(id);
  }

  async list(...asked: Parameters<DeadLetterStore['list']>): ReturnType<DeadLetterStore['list']> {
    await this.init();
    return this.store.list(...asked);
  }

  async count(filter?: DeadLetterFilter): ReturnType<DeadLetterStore['count']> {
    await this.init();
    return this.store.count(filter);
  }

  async lease(id: string, request: LeaseRequest): Promise<DeadLetterLease | undefined> {
    await this.init();
    return this.store.lease(id, request);
  }

  renew(lease: DeadLetterLease, request: { leaseMs: number; now: number }): Promise<boolean> {
    return this.store.renew(lease, request);
  }

  async settle(lease: DeadLetterLease, settlement: Settlement): Promise<DeadLetterStatus | undefined> {
    const status = await this.store.settle(lease, settlement);
    if (status === 'resolved') this.change(lease.record.queue, -1);
    return status;
  }

  async releaseExpired(now: number, leaseMs?: number): ReturnType<DeadLetterStore['releaseExpired']> {
    await this.init();
    return this.store.releaseExpired(now, leaseMs);
  }

  async edit(id: string, edit: DeadLetterEdit): Promise<boolean> {
    await this.init();
    return this.store.edit(id, edit);
  }

  async discard(id: string, request: { note?: string; at: number }): Promise<boolean> {
    await this.init();
    const done = await this.store.discard(id, request);
    // Asked for afterwards: by now nothing moves it to another queue any more.
    if (done) await this.afterwards(async () => this.discarded(await this.store.get(id)));
    return done;
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    await this.init();
    const removed = await this.store.purge(filter);
    if (removed > 0) await this.afterwards(() => this.recount());
    return removed;
  }

  async prune(request: PruneRequest): Promise<PruneReport> {
    await this.init();
    const report = await this.store.prune(request);
    await this.afterwards(() => this.recount());
    return report;
  }

  async close(): Promise<void> {
    await this.store.close?.();
  }

  private async initWithin(limitMs: number): Promise<void> {
    let giveUp: (error: NoAnswer) => void = () => undefined;
    const given = new Promise<never>((_, reject) => (giveUp = reject));
    const late = () => giveUp(new NoAnswer(`the store ${this.name} could not be opened within ${limitMs} ms`));
    const timer = this.clock.setTimer(late, limitMs);
    try {
      await Promise.race([this.store.init?.(), given]);
      await Promise.race([this.recount(), given]);
    } finally {
      timer.cancel();
    }
  }

  /** It is done whatever becomes of the counts; the next recount puts them right. */
  private async afterwards(count: () => Promise<void>): Promise<void> {
    await count().catch(() => undefined);
  }

  private async discarded(record: DeadLetterRecord | undefined): Promise<void> {
    if (record === undefined) return this.recount();
    this.change(record.queue, -1);
  }

  private change(queue: string, by: 1 | -1): void {
    this.changes++;
    const left = (this.byQueue[queue] ?? 0) + by;
    if (left > 0) this.byQueue[queue] = left;
    else delete this.byQueue[queue];
  }
}
