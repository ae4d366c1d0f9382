import type { DeadLetterAdded, DeadLetterLease, DeadLetterRecord, ReleasedDeadLetter } from '@nest-resilience/core';
import { type Kysely, sql, type Transaction } from 'kysely';
import { liveKey, toRow } from './dead-letter.rows.js';
import type { DeadLetterSchema } from './dead-letter.schema.js';

const TABLE = 'resilience_dead_letters';

/** Where a failed redrive leads, as a column. */
export const AFTER_FAILURE = sql<string>`case when redrives + 1 >= max_redrives then 'poisoned' else 'pending' end`;
/** A poisoned entry is not live: its key is free for a new one. */
export const LIVE_KEY_AFTER_FAILURE = sql<
  string | null
>`case when redrives + 1 >= max_redrives then null else live_key end`;

export async function insert(db: Kysely<DeadLetterSchema>, record: DeadLetterRecord): Promise<DeadLetterAdded> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto(TABLE)
    .values({ ...toRow(record), lease_token: 0, revision: 0 })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst();
  return { id: record.id, outcome: numInsertedOrUpdatedRows === 0n ? 'known' : 'added' };
}

export async function addKeyed(trx: Transaction<DeadLetterSchema>, record: DeadLetterRecord): Promise<DeadLetterAdded> {
  const known = await trx.selectFrom(TABLE).select('id').where('id', '=', record.id).executeTakeFirst();
  if (known) return { id: record.id, outcome: 'known' };
  const row = toRow(record);
  const merged =
    row.live_key !== null &&
    (await trx
      .updateTable(TABLE)
      .set({
        ...{ queue: row.queue, reason: row.reason, max_redrives: row.max_redrives, updated_at: row.created_at },
        ...{ args: row.args, replayable: row.replayable, not_replayable: row.not_replayable, redacted: row.redacted },
        ...{ error: row.error, error_name: row.error_name, error_message: row.error_message },
        ...{ attempts: row.attempts, fallbacks: row.fallbacks, execution_id: row.execution_id },
        ...(row.traceparent !== null && { traceparent: row.traceparent }),
      })
      .set((eb) => ({
        occurrences: eb('occurrences', '+', row.occurrences),
        revision: eb('revision', '+', 1),
      }))
      .where('live_key', '=', row.live_key)
      .returning('id')
      .executeTakeFirst());
  return merged ? { id: merged.id, outcome: 'merged' } : insert(trx, record);
}

/** A poisoned entry that becomes live again gets its key back, unless a newer entry has it by now. */
export async function claimLiveKey(trx: Transaction<DeadLetterSchema>, record: DeadLetterRecord): Promise<void> {
  const key = liveKey(record);
  if (key === null) return;
  const taken = await trx.selectFrom(TABLE).select('id').where('live_key', '=', key).executeTakeFirst();
  if (!taken) await trx.updateTable(TABLE).set({ live_key: key }).where('id', '=', record.id).execute();
}

export async function release(db: Kysely<DeadLetterSchema>, now: number, id?: string): Promise<ReleasedDeadLetter[]> {
  const rows = await db
    .updateTable(TABLE)
    .set({ status: AFTER_FAILURE, live_key: LIVE_KEY_AFTER_FAILURE, updated_at: now })
    .set((eb) => ({ redrives: eb('redrives', '+', 1), last_redrive_at: eb.ref('lease_until') }))
    .set({ lease_holder: null, lease_until: null })
    .where(expired(now))
    .$if(id !== undefined, (update) => update.where('id', '=', id!))
    .returning(['id', 'queue', 'target', 'redrives', 'status'])
    .execute();
  return rows.map((row) => ({ ...row, status: row.status as 'pending' | 'poisoned' }));
}

export function expired(now: number) {
  return sql<boolean>`status = 'redriving' and lease_until <= ${now}`;
}

/** The fence: nobody else has leased the entry since. */
export function held(lease: DeadLetterLease) {
  return sql<boolean>`id = ${lease.record.id} and status = 'redriving' and lease_token = ${lease.token}`;
}
