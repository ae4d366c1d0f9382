import { CLOSED_STATUSES, type DeadLetterFilter, type PruneReport, type PruneRequest } from '@nest-resilience/core';
import type { Kysely } from 'kysely';
import type { Database } from '../database/database.js';
import type { Transactions } from '../database/transactions.js';
import type { DeadLetterSchema } from './dead-letter.schema.js';
import { whereFilter } from './dead-letter.where.js';

const TABLE = 'resilience_dead_letters';
/** Failing calls wait for the lock that a deletion holds, so each is short, and they come in between. For SQLite the whole process waits. */
const CHUNK = { sqlite: 25, postgres: 500, mysql: 500 } as const;

/** What is removed, and through which transactions. */
export interface PruneDb extends Pick<Database<DeadLetterSchema>, 'kysely' | 'flavour'> {
  readonly transactions: Transactions<DeadLetterSchema>;
}

/** Applies retention in short steps. */
export async function prune(db: PruneDb, request: PruneRequest): Promise<PruneReport> {
  let removed = 0;
  for (const status of CLOSED_STATUSES) {
    removed += await removeAll(db, () => closedBefore(db, status, request.closedBefore));
  }
  const overCap = [];
  for (const { queue, count } of await crowded(db.kysely, request.maxEntriesPerQueue)) {
    let excess = Number(count) - request.maxEntriesPerQueue;
    removed += await removeAll(db, async () => {
      const ids = await oldestClosed(db.kysely, queue, Math.min(excess, CHUNK[db.flavour]));
      // By what was found, not by what was removed: another replica may be doing the same.
      excess -= ids.length;
      return ids;
    });
    if (excess > 0) overCap.push({ queue, count: request.maxEntriesPerQueue + excess });
  }
  return { removed, overCap };
}

/** Removes what matches in short steps, except entries being redriven. */
export async function purge(db: PruneDb, filter: DeadLetterFilter): Promise<number> {
  let last = '';
  const next = async () => {
    const rows = await db.kysely
      .selectFrom(TABLE)
      .select('id')
      .where(whereFilter(filter, db.flavour))
      .where('status', '!=', 'redriving')
      .where('id', '>', last)
      .orderBy('id')
      .limit(CHUNK[db.flavour])
      .execute();
    last = rows.at(-1)?.id ?? last;
    return rows.map(({ id }) => id);
  };
  return removeAll(db, next, filter);
}

/** Until there is nothing more to remove. What is leased by then, or has become something that was not asked for, stays. */
async function removeAll(db: PruneDb, next: () => Promise<string[]>, filter: DeadLetterFilter = {}): Promise<number> {
  let removed = 0;
  for (let ids = await next(); ids.length > 0; ids = await next()) {
    const { numDeletedRows } = await db.transactions.run((trx) =>
      trx
        .deleteFrom(TABLE)
        .where('id', 'in', ids)
        .where(whereFilter(filter, db.flavour))
        .where('status', '!=', 'redriving')
        .executeTakeFirst(),
    );
    removed += Number(numDeletedRows);
  }
  return removed;
}

async function closedBefore({ kysely, flavour }: PruneDb, status: string, time: number): Promise<string[]> {
  const rows = await kysely
    .selectFrom(TABLE)
    .select('id')
    .where('status', '=', status)
    .where('closed_at', '<', time)
    .orderBy('closed_at')
    .limit(CHUNK[flavour])
    .execute();
  return rows.map(({ id }) => id);
}

/** A query per status: each is the beginning of an index, both together would be a sort of everything that is closed. */
async function oldestClosed(kysely: Kysely<DeadLetterSchema>, queue: string, limit: number): Promise<string[]> {
  if (limit <= 0) return [];
  const ids: string[] = [];
  for (const status of CLOSED_STATUSES) {
    const rows = await kysely
      .selectFrom(TABLE)
      .select('id')
      .where('queue', '=', queue)
      .where('status', '=', status)
      .orderBy('id')
      .limit(limit)
      .execute();
    ids.push(...rows.map(({ id }) => id));
  }
  return ids.sort().slice(0, limit);
}

function crowded(kysely: Kysely<DeadLetterSchema>, maxEntriesPerQueue: number) {
  return kysely
    .selectFrom(TABLE)
    .select(({ fn }) => ['queue', fn.countAll<number>().as('count')])
    .groupBy('queue')
    .having(({ fn }) => fn.countAll(), '>', maxEntriesPerQueue)
    .orderBy('queue')
    .execute();
}
