import type { PruneReport, PruneRequest } from '@nest-resilience/core';
import type { Kysely } from 'kysely';
import type { DeadLetterSchema } from './dead-letter.schema.js';

const TABLE = 'resilience_dead_letters';
const CLOSED = ['resolved', 'discarded'];
/** Each statement holds the write lock for as long as it runs, and failing calls wait for that lock. */
const CHUNK = 1_000;

/** Applies retention in short steps. */
export async function prune(db: Kysely<DeadLetterSchema>, request: PruneRequest): Promise<PruneReport> {
  let removed = 0;
  for (let gone = CHUNK; gone === CHUNK; removed += gone) {
    gone = await removeOldest(db, CHUNK, { closedBefore: request.closedBefore });
  }
  const overCap = [];
  const crowded = await db
    .selectFrom(TABLE)
    .select(({ fn }) => ['queue', fn.countAll<number>().as('count')])
    .groupBy('queue')
    .having(({ fn }) => fn.countAll(), '>', request.maxEntriesPerQueue)
    .orderBy('queue')
    .execute();
  for (const { queue, count } of crowded) {
    let excess = Number(count) - request.maxEntriesPerQueue;
    while (excess > 0) {
      const gone = await removeOldest(db, Math.min(excess, CHUNK), { queue });
      if (gone === 0) break;
      removed += gone;
      excess -= gone;
    }
    if (excess > 0) overCap.push({ queue, count: request.maxEntriesPerQueue + excess });
  }
  return { removed, overCap };
}

async function removeOldest(
  db: Kysely<DeadLetterSchema>,
  limit: number,
  { queue, closedBefore }: { queue?: string; closedBefore?: number },
): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom(TABLE)
    .where('id', 'in', (eb) =>
      eb
        .selectFrom(TABLE)
        .select('id')
        .where('status', 'in', CLOSED)
        .$if(queue !== undefined, (select) => select.where('queue', '=', queue!))
        .$if(closedBefore !== undefined, (select) => select.where('closed_at', '<', closedBefore!))
        .orderBy('id')
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
