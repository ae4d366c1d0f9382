import {
  type DeadLetterAdded,
  type DeadLetterCount,
  type DeadLetterEdit,
  type DeadLetterFilter,
  type DeadLetterLease,
  type DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetterRecord,
  type DeadLetterStatus,
  type DeadLetterStore,
  DEFAULT_PAGE_LIMIT,
  type LeaseRequest,
  MAX_PAGE_LIMIT,
  type PruneReport,
  type PruneRequest,
  type ReleasedDeadLetter,
  type Settlement,
} from '@nest-resilience/core';
import { type Kysely, sql } from 'kysely';
import { openSqlite, type SqliteConnection, type SqliteOptions } from '../sqlite/sqlite.connection.js';
import { prune } from './dead-letter.prune.js';
import { toRecord } from './dead-letter.rows.js';
import { DEAD_LETTER_MIGRATIONS, type DeadLetterSchema } from './dead-letter.schema.js';
import {
  addKeyed,
  AFTER_FAILURE,
  claimLiveKey,
  expired,
  held,
  insert,
  LIVE_KEY_AFTER_FAILURE,
  release,
} from './dead-letter.statements.js';
import { whereFilter } from './dead-letter.where.js';

const TABLE = 'resilience_dead_letters';

/**
 * Dead letters in an SQLite file: no server, on disk when a promise resolves, shared safely by processes of one machine.
 * ```ts
 * ResilienceModule.forRoot({ deadLetter: { store: sqliteStore({ file: 'data/dead-letters.db' }) } });
 * ```
 */
export function sqliteStore(options: SqliteOptions): DeadLetterStore {
  return new SqlDeadLetterStore(options);
}

class SqlDeadLetterStore implements DeadLetterStore {
  readonly name: string;
  readonly durable: boolean;
  private opening: Promise<SqliteConnection<DeadLetterSchema>> | undefined;

  constructor(private readonly options: SqliteOptions) {
    this.name = `sqlite (${options.file})`;
    this.durable = options.file !== ':memory:';
  }

  async init(): Promise<void> {
    await this.db();
  }

  async close(): Promise<void> {
    const opening = this.opening;
    this.opening = undefined;
    await (await opening?.catch(() => undefined))?.close();
  }

  async add(record: DeadLetterRecord): Promise<DeadLetterAdded> {
    const db = await this.db();
    if (record.idempotencyKey === undefined) return insert(db, record);
    return db.transaction().execute((trx) => addKeyed(trx, record));
  }

  async get(id: string): Promise<DeadLetterRecord | undefined> {
    const row = await (await this.db()).selectFrom(TABLE).selectAll().where('id', '=', id).executeTakeFirst();
    return row && toRecord(row);
  }

  async list(query: DeadLetterQuery): Promise<DeadLetterPage> {
    const { order = 'newest', cursor } = query;
    const limit = Math.min(query.limit ?? DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT);
    const rows = await (
      await this.db()
    )
      .selectFrom(TABLE)
      .selectAll()
      .where(whereFilter(query))
      .$if(cursor !== undefined, (select) => select.where('id', order === 'newest' ? '<' : '>', cursor!))
      .orderBy('id', order === 'newest' ? 'desc' : 'asc')
      .limit(limit + 1)
      .execute();
    const items = rows.slice(0, limit).map(toRecord);
    return { items, nextCursor: rows.length > limit ? items.at(-1)?.id : undefined };
  }

  async count(filter: DeadLetterFilter = {}): Promise<DeadLetterCount[]> {
    const rows = await (
      await this.db()
    )
      .selectFrom(TABLE)
      .select(({ fn }) => ['queue', 'status', fn.countAll<number>().as('count'), fn.min('created_at').as('oldestAt')])
      .where(whereFilter(filter))
      .groupBy(['queue', 'status'])
      .orderBy('queue')
      .orderBy('status')
      .execute();
    return rows.map((row) => ({
      ...{ queue: row.queue, status: row.status as DeadLetterStatus },
      ...{ count: Number(row.count), oldestAt: Number(row.oldestAt) },
    }));
  }

  async lease(id: string, request: LeaseRequest): Promise<DeadLetterLease | undefined> {
    const from = request.from.filter((status) => status !== 'redriving');
    if (from.length === 0) return undefined;
    return (await this.db()).transaction().execute(async (trx) => {
      await release(trx, request.now, id);
      const row = await trx
        .updateTable(TABLE)
        .set({ status: 'redriving', updated_at: request.now })
        .set({ lease_holder: request.holder, lease_until: request.now + request.leaseMs })
        .set((eb) => ({ lease_token: eb('lease_token', '+', 1) }))
        .where('id', '=', id)
        .where('status', 'in', from)
        .where('replayable', '=', 1)
        .returningAll()
        .executeTakeFirst();
      if (!row) return undefined;
      const record = toRecord(row);
      if (row.live_key === null) await claimLiveKey(trx, record);
      return { record, token: row.lease_token, revision: row.revision };
    });
  }

  async renew(lease: DeadLetterLease, request: { leaseMs: number; now: number }): Promise<boolean> {
    const { numUpdatedRows } = await (
      await this.db()
    )
      .updateTable(TABLE)
      .set({ lease_until: request.now + request.leaseMs })
      .where(held(lease))
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async settle(lease: DeadLetterLease, settlement: Settlement): Promise<DeadLetterStatus | undefined> {
    const { outcome, at, error } = settlement;
    const untouched = sql`revision = ${lease.revision}`;
    const row = await (
      await this.db()
    )
      .updateTable(TABLE)
      .set({ last_redrive_at: at, updated_at: at, lease_holder: null, lease_until: null })
      .set((eb) => ({ redrives: eb('redrives', '+', 1) }))
      .set(
        outcome === 'failed'
          ? { status: AFTER_FAILURE, live_key: LIVE_KEY_AFTER_FAILURE }
          : {
              status: sql<string>`case when ${untouched} then 'resolved' else 'pending' end`,
              live_key: sql<string | null>`case when ${untouched} then null else live_key end`,
              closed_at: sql<number | null>`case when ${untouched} then ${at} else null end`,
            },
      )
      .$if(outcome === 'failed' && error !== undefined, (update) =>
        update.set({ last_redrive_error: JSON.stringify(error) }),
      )
      .where(held(lease))
      .returning('status')
      .executeTakeFirst();
    return row?.status as DeadLetterStatus | undefined;
  }

  async releaseExpired(now: number): Promise<ReleasedDeadLetter[]> {
    const db = await this.db();
    // Reading takes no lock and costs no fsync, and mostly there is nothing to give back.
    const due = await db.selectFrom(TABLE).select('id').where(expired(now)).limit(1).executeTakeFirst();
    return due ? release(db, now) : [];
  }

  async edit(id: string, edit: DeadLetterEdit): Promise<boolean> {
    const { args, replayable, notReplayable, note, at } = edit;
    return (await this.db()).transaction().execute(async (trx) => {
      const row = await trx
        .updateTable(TABLE)
        .set({
          args: JSON.stringify(args),
          replayable: replayable ? 1 : 0,
          not_replayable: JSON.stringify(notReplayable),
        })
        .set({ status: 'pending', updated_at: at, ...(note !== undefined && { note }) })
        .where('id', '=', id)
        .where('status', 'in', ['pending', 'poisoned'])
        .returningAll()
        .executeTakeFirst();
      if (row?.live_key === null) await claimLiveKey(trx, toRecord(row));
      return row !== undefined;
    });
  }

  async discard(id: string, request: { note?: string; at: number }): Promise<boolean> {
    const { note, at } = request;
    const { numUpdatedRows } = await (
      await this.db()
    )
      .updateTable(TABLE)
      .set({ status: 'discarded', live_key: null, updated_at: at, closed_at: at, ...(note !== undefined && { note }) })
      .where('id', '=', id)
      .where('status', 'in', ['pending', 'poisoned'])
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    const { numDeletedRows } = await (
      await this.db()
    )
      .deleteFrom(TABLE)
      .where(whereFilter(filter))
      .where('status', '!=', 'redriving')
      .executeTakeFirst();
    return Number(numDeletedRows);
  }

  async prune(request: PruneRequest): Promise<PruneReport> {
    return prune(await this.db(), request);
  }

  /** Opened at the first use: making a store, as modules do when they are imported, touches no disk. */
  private async db(): Promise<Kysely<DeadLetterSchema>> {
    const opening = (this.opening ??= this.open());
    try {
      return (await opening).kysely;
    } catch (error) {
      // The next call tries again: a full disk or a missing mount may be mended by then.
      if (this.opening === opening) this.opening = undefined;
      throw error;
    }
  }

  private async open(): Promise<SqliteConnection<DeadLetterSchema>> {
    const connection = openSqlite<DeadLetterSchema>(this.options);
    try {
      await connection.migrate('dead-letter', DEAD_LETTER_MIGRATIONS);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}
