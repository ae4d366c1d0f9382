import type { DeadLetterEntry, DeadLetterRecord, DeadLetterStatus } from './dead-letter.entry.js';
import type {
  DeadLetterAdded,
  DeadLetterEdit,
  DeadLetterFilter,
  DeadLetterLease,
  DeadLetterQuery,
  DeadLetterStore,
  LeaseRequest,
  PruneReport,
  PruneRequest,
  Settlement,
} from './dead-letter.store.js';

/** Entries that still want somebody. */
const OPEN: ReadonlySet<DeadLetterEntry['status']> = new Set(['pending', 'redriving', 'poisoned']);

/**
 * Any store, with the number of open entries per queue at hand, so that metrics are read without asking the store.
 * Exact for one process; what other replicas do is seen at the next recount.
 */
export class CountedDeadLetterStore implements DeadLetterStore {
  private byQueue: Record<string, number> = {};

  constructor(private readonly store: DeadLetterStore) {}

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

  async init(): Promise<void> {
    await this.store.init?.();
    await this.recount();
  }

  async recount(): Promise<void> {
    const counts: Record<string, number> = {};
    for (const { queue, status, count } of await this.store.count()) {
      if (OPEN.has(status)) counts[queue] = (counts[queue] ?? 0) + count;
    }
    this.byQueue = counts;
  }

  async add(record: DeadLetterRecord): Promise<DeadLetterAdded> {
    const added = await this.store.add(record);
    if (added.outcome === 'added') this.byQueue[record.queue] = (this.byQueue[record.queue] ?? 0) + 1;
    return added;
  }

  get(id: string): Promise<DeadLetterRecord | undefined> {
    return this.store.get(id);
  }

  list(query: DeadLetterQuery): ReturnType<DeadLetterStore['list']> {
    return this.store.list(query);
  }

  count(filter?: DeadLetterFilter): ReturnType<DeadLetterStore['count']> {
    return this.store.count(filter);
  }

  lease(id: string, request: LeaseRequest): Promise<DeadLetterLease | undefined> {
    return this.store.lease(id, request);
  }

  renew(lease: DeadLetterLease, request: { leaseMs: number; now: number }): Promise<boolean> {
    return this.store.renew(lease, request);
  }

  async settle(lease: DeadLetterLease, settlement: Settlement): Promise<DeadLetterStatus | undefined> {
    const status = await this.store.settle(lease, settlement);
    if (status === 'resolved') this.closeOne(lease.record.queue);
    return status;
  }

  releaseExpired(now: number): ReturnType<DeadLetterStore['releaseExpired']> {
    return this.store.releaseExpired(now);
  }

  edit(id: string, edit: DeadLetterEdit): Promise<boolean> {
    return this.store.edit(id, edit);
  }

  async discard(id: string, request: { note?: string; at: number }): Promise<boolean> {
    const done = await this.store.discard(id, request);
    if (done) await this.recount();
    return done;
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    const removed = await this.store.purge(filter);
    if (removed > 0) await this.recount();
    return removed;
  }

  async prune(request: PruneRequest): Promise<PruneReport> {
    const report = await this.store.prune(request);
    await this.recount();
    return report;
  }

  async close(): Promise<void> {
    await this.store.close?.();
  }

  private closeOne(queue: string): void {
    const left = (this.byQueue[queue] ?? 1) - 1;
    if (left > 0) this.byQueue[queue] = left;
    else delete this.byQueue[queue];
  }
}
