import {
  type DeadLetterAdded,
  type DeadLetterCount,
  type DeadLetterEdit,
  type DeadLetterFilter,
  type DeadLetterLease,
  type DeadLetterListing,
  type DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetterRecord,
  type DeadLetterStatus,
  type DeadLetterStore,
  DEFAULT_PAGE_LIMIT,
  fittingOnPage,
  type LeaseRequest,
  MAX_PAGE_LIMIT,
  MOVABLE_STATUSES,
  type PruneReport,
  type PruneRequest,
  type ReleasedDeadLetter,
  type Settlement,
  storedId,
  storedText,
} from '@nest-resilience/core';
import { type DatabaseSource, LazyDatabase, leaseTime, transact } from '../database/database.js';
import { GroupCommit, ItemRefused } from '../database/group-commit.js';
import { rowBytes } from '../database/row-bytes.js';
import { Transactions } from '../database/transactions.js';
import { addAll } from './dead-letter.insert.js';
import { argsBytes, otherBytes, readInTurns, sizeOf } from './dead-letter.page.js';
import { prune, type PruneDb, purge } from './dead-letter.prune.js';
import { type RecordRow, toRecord, toRow } from './dead-letter.rows.js';
import { DEAD_LETTER_MIGRATIONS, type DeadLetterSchema } from './dead-letter.schema.js';
import {
  afterCrash,
  afterFailure,
  claimLiveKey,
  type DeadLetterRow,
  expired,
  hasExpired,
  releaseSome,
  take,
  takeState,
} from './dead-letter.statements.js';
import { whereFilter } from './dead-letter.where.js';

const TABLE = 'resilience_dead_letters';
/** Entries of one transaction, and with a server of one statement: some 30 values each, of which PostgreSQL takes 65,535. */
const MAX_GROUP = 500;

/** Dead letters in any of the databases. */
export class SqlDeadLetterStore implements DeadLetterStore {
  readonly name: string;
  readonly durable: boolean;
  private readonly database: LazyDatabase<DeadLetterSchema>;
  private readonly transactions: Transactions<DeadLetterSchema>;
  private readonly additions = new GroupCommit((rows: readonly RecordRow[]) => this.addAll(rows), {
    items: MAX_GROUP,
    bytes: () => this.database.groupBytes,
    bytesOf: rowBytes,
  });

  constructor(source: DatabaseSource) {
    this.name = source.name;
    this.durable = source.durable;
    this.database = new LazyDatabase(source, 'dead-letter', DEAD_LETTER_MIGRATIONS);
    this.transactions = new Transactions(this.database);
  }

  async init(): Promise<void> {
    await this.database.get();
  }

  close(): Promise<void> {
    return this.database.close();
  }

  async add(record: DeadLetterRecord): Promise<DeadLetterAdded> {
    return this.additions.add(toRow(record));
  }

  async probe(): Promise<void> {
    (await this.database.get()).probe?.();
    await this.get('probe');
  }

  async get(id: string): Promise<DeadLetterRecord | undefined> {
    const { kysely } = await this.database.get();
    const row = await kysely.selectFrom(TABLE).selectAll().where('id', '=', storedId(id)).executeTakeFirst();
    return row && toRecord(row);
  }

  async list(query: DeadLetterQuery, { excerpts = false }: DeadLetterListing = {}): Promise<DeadLetterPage> {
    const { kysely, flavour } = await this.database.get();
    const { order = 'newest', cursor } = query;
    const limit = Math.min(query.limit ?? DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT);
    const found = await kysely
      .selectFrom(TABLE)
      .select(['id', argsBytes.as('args'), otherBytes.as('others')])
      .where(whereFilter(query, flavour))
      .$if(cursor !== undefined, (select) => select.where('id', order === 'newest' ? '<' : '>', storedId(cursor!)))
      .orderBy('id', order === 'newest' ? 'desc' : 'asc')
      .limit(limit + 1)
      .execute();
    const sizes = found.slice(0, limit).map((row) => sizeOf(row, excerpts));
    const page = sizes.slice(0, fittingOnPage(sizes.map(({ shown }) => shown)));
    const items = await readInTurns(kysely, page, excerpts);
    return { items, nextCursor: (found.length > page.length && page.at(-1)?.id) || null };
  }

  async count(filter: DeadLetterFilter = {}): Promise<DeadLetterCount[]> {
    const { kysely, flavour } = await this.database.get();
    const rows = await kysely
      .selectFrom(TABLE)
      .select(({ fn }) => ['queue', 'status', fn.countAll<number>().as('count'), fn.min('created_at').as('oldestAt')])
      .where(whereFilter(filter, flavour))
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
    const database = await this.database.get();
    return this.transactions.run(async (trx, flavour) => {
      const found = await take(trx, flavour, id);
      if (!found) return undefined;
      const now = await leaseTime(database, trx, request.now);
      const release = hasExpired(found, now) ? afterCrash(found, now) : undefined;
      const row = { ...found, ...release };
      if (!mayBeLeased(row, request)) {
        if (release) await trx.updateTable(TABLE).set(release).where('id', '=', id).execute();
        return undefined;
      }
      const change = {
        ...release,
        ...{ status: 'redriving', updated_at: now, lease_token: row.lease_token + 1 },
        ...{ lease_holder: storedText(request.holder), lease_until: now + request.leaseMs },
      };
      await trx.updateTable(TABLE).set(change).where('id', '=', id).execute();
      const record = toRecord({ ...row, ...change });
      if (row.live_key === null) await claimLiveKey(trx, row);
      return { record, token: change.lease_token, revision: row.revision };
    });
  }

  async renew(lease: DeadLetterLease, request: { leaseMs: number; now: number }): Promise<boolean> {
    const database = await this.database.get();
    return this.transactions.run(async (trx) => {
      const until = (await leaseTime(database, trx, request.now)) + request.leaseMs;
      const { numUpdatedRows } = await trx
        .updateTable(TABLE)
        .set({ lease_until: until })
        .where('id', '=', lease.record.id)
        .where('status', '=', 'redriving')
        .where('lease_token', '=', lease.token)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    });
  }

  async settle(lease: DeadLetterLease, settlement: Settlement): Promise<DeadLetterStatus | undefined> {
    const { outcome, at, error } = settlement;
    return this.transactions.run(async (trx, flavour) => {
      const row = await takeState(trx, flavour, lease.record.id);
      // The fence: somebody else has leased the entry since.
      if (row?.status !== 'redriving' || row.lease_token !== lease.token) return undefined;
      const change =
        outcome === 'failed'
          ? { ...afterFailure(row), ...(error && { last_redrive_error: JSON.stringify(error) }) }
          : { redrives: row.redrives + 1, ...afterSuccess(row, lease, at) };
      await trx
        .updateTable(TABLE)
        .set({ ...change, last_redrive_at: at, updated_at: at, lease_holder: null, lease_until: null })
        .where('id', '=', row.id)
        .execute();
      return change.status;
    });
  }

  async releaseExpired(callersNow: number, leaseMs = Infinity): Promise<ReleasedDeadLetter[]> {
    const database = await this.database.get();
    const now = await leaseTime(database, database.kysely, callersNow);
    // A server's clock is nobody's to set back.
    const latest = database.leaseClock === 'caller' ? now + leaseMs : Infinity;
    const released: ReleasedDeadLetter[] = [];
    // Looking takes no lock and waits for no disk, and mostly there is nothing to give back.
    while (await expired(database.kysely, now, latest)) {
      const some = await this.transactions.run((trx, flavour) => releaseSome(trx, flavour, now, latest));
      if (some.length === 0) break;
      released.push(...some);
    }
    return released;
  }

  async edit(id: string, edit: DeadLetterEdit): Promise<boolean> {
    const { args, replayable, notReplayable, note, at } = edit;
    return this.transactions.run(async (trx, flavour) => {
      const row = await take(trx, flavour, id);
      if (!row || !isMovable(row)) return false;
      await trx
        .updateTable(TABLE)
        .set({ args: JSON.stringify(args), not_replayable: JSON.stringify(notReplayable) })
        .set({ replayable: replayable ? 1 : 0, status: 'pending', updated_at: at })
        .$if(note !== undefined, (update) => update.set({ note: storedText(note!) }))
        .where('id', '=', id)
        .execute();
      if (row.live_key === null) await claimLiveKey(trx, row);
      return true;
    });
  }

  async discard(id: string, request: { note?: string; at: number }): Promise<boolean> {
    const { note, at } = request;
    return this.transactions.run(async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable(TABLE)
        .set({ status: 'discarded', live_key: null, updated_at: at, closed_at: at })
        .$if(note !== undefined, (update) => update.set({ note: storedText(note!) }))
        .where('id', '=', storedId(id))
        .where('status', 'in', MOVABLE_STATUSES)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    });
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    return purge(await this.pruneDb(), filter);
  }

  async prune(request: PruneRequest): Promise<PruneReport> {
    return prune(await this.pruneDb(), request);
  }

  private async pruneDb(): Promise<PruneDb> {
    const { kysely, flavour } = await this.database.get();
    return { kysely, flavour, transactions: this.transactions };
  }

  private async addAll(rows: readonly RecordRow[]): Promise<DeadLetterAdded[]> {
    const database = await this.database.get();
    return transact(database, (trx) => addAll(trx, database.flavour, rows).catch(ItemRefused.rethrow));
  }
}

function isMovable({ status }: Pick<DeadLetterRow, 'status'>): boolean {
  return (MOVABLE_STATUSES as readonly string[]).includes(status);
}

function mayBeLeased(row: DeadLetterRow, { from }: LeaseRequest): boolean {
  return row.status !== 'redriving' && (from as readonly string[]).includes(row.status) && row.replayable === 1;
}

/** A failed call that was merged in since the lease began has not been run by this redrive. */
function afterSuccess(row: Pick<DeadLetterRow, 'revision'>, lease: DeadLetterLease, at: number) {
  return row.revision === lease.revision
    ? { status: 'resolved' as const, live_key: null, closed_at: at }
    : { status: 'pending' as const };
}
