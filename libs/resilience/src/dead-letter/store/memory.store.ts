import { ResilienceError } from '../../engine/errors.js';
import { pageOf } from '../../engine/pages.js';
import type { DeadLetterRecord, DeadLetterStatus } from '../dead-letter.entry.js';
import { excerptOf } from '../capture/excerpt.js';
import { matchesFilter } from './filter.js';
import {
  type DeadLetterAdded,
  type DeadLetterCount,
  type DeadLetterEdit,
  type DeadLetterFilter,
  type DeadLetterLease,
  type DeadLetterListing,
  type DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetterStore,
  DEFAULT_PAGE_LIMIT,
  type LeaseRequest,
  MAX_PAGE_LIMIT,
  type PruneReport,
  type PruneRequest,
  type ReleasedDeadLetter,
  type Settlement,
} from './dead-letter.store.js';
import {
  CLOSED_STATUSES,
  edited,
  LIVE_STATUSES,
  merged,
  MOVABLE_STATUSES,
  settled,
  statusAfterFailure,
} from './transitions.js';
import { storedId, storedKey, storedRecord, storedText } from '../capture/stored-text.js';

interface Row {
  record: DeadLetterRecord;
  readonly key: string | undefined;
  token: number;
  revision: number;
  leaseUntil: number;
}

/** Keeps entries in this process only: for tests and for trying things out. */
export class MemoryDeadLetterStore implements DeadLetterStore {
  readonly name = 'memory';
  readonly durable = false;
  private readonly rows = new Map<string, Row>();
  private readonly maxEntries: number;

  /** @param options.maxEntries when reached the oldest closed entry makes room; without one, `add` is refused. @default 100_000 */
  constructor(options: { maxEntries?: number } = {}) {
    this.maxEntries = options.maxEntries ?? 100_000;
  }

  // Stores answer with promises; here each method body runs in one piece, which is what makes it atomic.
  /* eslint-disable @typescript-eslint/require-await */

  async add(given: DeadLetterRecord): Promise<DeadLetterAdded> {
    const record = storedRecord(given);
    const key = given.idempotencyKey === undefined ? undefined : storedKey(given.idempotencyKey);
    if (this.rows.has(record.id)) return { id: record.id, outcome: 'known' };
    const twin = this.liveTwin(key, record.target);
    if (twin) {
      twin.record = merged(twin.record, copy(record));
      twin.revision++;
      return { id: twin.record.id, outcome: 'merged' };
    }
    this.makeRoom();
    this.rows.set(record.id, { record: copy(record), key, token: 0, revision: 0, leaseUntil: 0 });
    return { id: record.id, outcome: 'added' };
  }

  async get(id: string): Promise<DeadLetterRecord | undefined> {
    const row = this.rows.get(id);
    return row && copy(row.record);
  }

  async list(query: DeadLetterQuery, { excerpts = false }: DeadLetterListing = {}): Promise<DeadLetterPage> {
    const { order = 'newest' } = query;
    const cursor = query.cursor === undefined ? undefined : storedId(query.cursor);
    const limit = Math.min(query.limit ?? DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT);
    const sign = order === 'newest' ? -1 : 1;
    const found = this.select(query)
      .filter((row) => cursor === undefined || compare(row.record.id, cursor) === sign)
      .sort((a, b) => sign * compare(a.record.id, b.record.id));
    const items = found.slice(0, limit).map(({ record }) => record);
    const page = { items, nextCursor: (found.length > limit && items.at(-1)?.id) || null };
    return excerpts
      ? pageOf(page, (record) => copy(record), excerptOf)
      : { ...page, items: items.map((record) => copy(record)) };
  }

  async count(filter: DeadLetterFilter = {}): Promise<DeadLetterCount[]> {
    const counts = new Map<string, DeadLetterCount>();
    for (const { record } of this.select(filter)) {
      const { queue, status, createdAt } = record;
      const key = JSON.stringify([queue, status]);
      const so = counts.get(key) ?? { queue, status, count: 0, oldestAt: createdAt };
      counts.set(key, { queue, status, count: so.count + 1, oldestAt: Math.min(so.oldestAt, createdAt) });
    }
    return [...counts.entries()].sort(([a], [b]) => compare(a, b)).map(([, count]) => count);
  }

  async lease(id: string, request: LeaseRequest): Promise<DeadLetterLease | undefined> {
    const row = this.rows.get(id);
    if (!row) return undefined;
    this.release(row, request.now);
    const { status, replayable } = row.record;
    if (!replayable || status === 'redriving' || !request.from.includes(status)) return undefined;
    row.record = { ...row.record, status: 'redriving', updatedAt: request.now };
    row.token++;
    row.leaseUntil = request.now + request.leaseMs;
    return { record: copy(row.record), token: row.token, revision: row.revision };
  }

  async renew(lease: DeadLetterLease, request: { leaseMs: number; now: number }): Promise<boolean> {
    const row = this.held(lease);
    if (row) row.leaseUntil = request.now + request.leaseMs;
    return row !== undefined;
  }

  async settle(lease: DeadLetterLease, settlement: Settlement): Promise<DeadLetterStatus | undefined> {
    const row = this.held(lease);
    if (!row) return undefined;
    row.record = settled(row.record, copy(settlement), row.revision !== lease.revision);
    return row.record.status;
  }

  async releaseExpired(now: number, leaseMs = Infinity): Promise<ReleasedDeadLetter[]> {
    return [...this.rows.values()].flatMap((row) => this.release(row, now, leaseMs) ?? []);
  }

  async edit(id: string, edit: DeadLetterEdit): Promise<boolean> {
    return this.move(id, (record) => storedRecord(edited(record, copy(edit))));
  }

  async discard(id: string, request: { note?: string; at: number }): Promise<boolean> {
    const { note, at } = request;
    return this.move(id, (record) => ({
      ...record,
      ...(note !== undefined && { note: storedText(note) }),
      ...{ status: 'discarded', updatedAt: at, closedAt: at },
    }));
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    return this.remove(this.select(filter).filter((row) => row.record.status !== 'redriving'));
  }

  async prune(request: PruneRequest): Promise<PruneReport> {
    let removed = this.remove(this.closed().filter((row) => (row.record.closedAt ?? 0) < request.closedBefore));
    const overCap = [];
    for (const queue of new Set([...this.rows.values()].map((row) => row.record.queue))) {
      const excess = this.select({ queue }).length - request.maxEntriesPerQueue;
      if (excess <= 0) continue;
      const gone = this.remove(this.closed(queue).slice(0, excess));
      removed += gone;
      if (gone < excess) overCap.push({ queue, count: this.select({ queue }).length });
    }
    return { removed, overCap };
  }

  /* eslint-enable @typescript-eslint/require-await */

  private select(filter: DeadLetterFilter): Row[] {
    return [...this.rows.values()].filter((row) => matchesFilter(row.record, filter));
  }

  /** Oldest first. */
  private closed(queue?: string): Row[] {
    return this.select({ status: CLOSED_STATUSES, ...(queue !== undefined && { queue }) }).sort((a, b) =>
      compare(a.record.id, b.record.id),
    );
  }

  private liveTwin(key: string | undefined, target: string): Row | undefined {
    if (key === undefined) return undefined;
    for (const row of this.rows.values()) {
      const { record } = row;
      if (row.key !== key || record.target !== target) continue;
      if (LIVE_STATUSES.includes(record.status)) return row;
    }
    return undefined;
  }

  private held(lease: DeadLetterLease): Row | undefined {
    const row = this.rows.get(lease.record.id);
    return row?.record.status === 'redriving' && row.token === lease.token ? row : undefined;
  }

  private release(row: Row, now: number, leaseMs = Infinity): ReleasedDeadLetter | undefined {
    const held = row.leaseUntil > now && row.leaseUntil <= now + leaseMs;
    if (row.record.status !== 'redriving' || held) return undefined;
    const status = statusAfterFailure(row.record);
    const redrives = row.record.redrives + 1;
    row.record = { ...row.record, status, redrives, lastRedriveAt: row.leaseUntil, updatedAt: now };
    return { id: row.record.id, queue: row.record.queue, target: row.record.target, redrives, status };
  }

  private move(id: string, change: (record: DeadLetterRecord) => DeadLetterRecord): boolean {
    const row = this.rows.get(id);
    if (!row || !MOVABLE_STATUSES.includes(row.record.status)) return false;
    row.record = change(row.record);
    return true;
  }

  private remove(rows: readonly Row[]): number {
    for (const row of rows) this.rows.delete(row.record.id);
    return rows.length;
  }

  private makeRoom(): void {
    if (this.rows.size < this.maxEntries) return;
    if (this.remove(this.closed().slice(0, 1)) > 0) return;
    throw new ResilienceError(
      `The dead-letter store 'memory' holds ${this.rows.size} open entries, its maximum: redrive, discard or purge some, ` +
        `or use a store on disk (sqliteStore of @nest-resilience/store-sql)`,
      'RESILIENCE_DEAD_LETTER_STORE_FULL',
      'dead-letter',
    );
  }
}

/** Callers may change what they gave or got without changing what is kept. Records are JSON, so nothing is lost on the way. */
function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function compare(a: string, b: string): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}
