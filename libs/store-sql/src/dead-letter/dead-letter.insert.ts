import type { DeadLetterAdded } from '@nest-resilience/core';
import { CompiledQuery, type Transaction } from 'kysely';
import type { Flavour } from '../database/flavour.js';
import { locked } from '../database/flavour.js';
import type { RecordRow } from './dead-letter.rows.js';
import type { DeadLetterSchema } from './dead-letter.schema.js';

const TABLE = 'resilience_dead_letters';

type Trx = Transaction<DeadLetterSchema>;

/** Adds entries; the answers come in the order of the rows. */
export async function addAll(trx: Trx, flavour: Flavour, rows: readonly RecordRow[]): Promise<DeadLetterAdded[]> {
  const fresh = await insert(
    trx,
    flavour,
    rows.filter((row) => row.idempotency_key === null),
  );
  const added: DeadLetterAdded[] = [];
  for (const row of rows) {
    const { id } = row;
    if (row.idempotency_key !== null) added.push(await addKeyed(trx, flavour, row));
    // Of one that came twice the first is the new one.
    else added.push({ id, outcome: fresh.delete(id) ? 'added' : 'known' });
  }
  return added;
}

async function addKeyed(trx: Trx, flavour: Flavour, row: RecordRow): Promise<DeadLetterAdded> {
  const { id } = row;
  const known = await trx.selectFrom(TABLE).select('id').where('id', '=', id).executeTakeFirst();
  if (known) return { id, outcome: 'known' };
  const older =
    row.live_key !== null &&
    (await trx
      .selectFrom(TABLE)
      .select('id')
      .where('live_key', '=', row.live_key)
      .modifyEnd(locked(flavour))
      .executeTakeFirst());
  if (older) {
    await merge(trx, older.id, row);
    return { id: older.id, outcome: 'merged' };
  }
  const fresh = await insert(trx, flavour, [row]);
  return { id, outcome: fresh.has(id) ? 'added' : 'known' };
}

async function merge(trx: Trx, id: string, row: RecordRow): Promise<void> {
  await trx
    .updateTable(TABLE)
    .set({
      ...{ queue: row.queue, reason: row.reason, max_redrives: row.max_redrives, updated_at: row.created_at },
      ...{ args: row.args, replayable: row.replayable, not_replayable: row.not_replayable, redacted: row.redacted },
      ...{ error: row.error, error_name: row.error_name, error_message: row.error_message },
      ...{ attempts: row.attempts, fallbacks: row.fallbacks, execution_id: row.execution_id },
      ...(row.traceparent !== null && { traceparent: row.traceparent }),
    })
    .set((eb) => ({ occurrences: eb('occurrences', '+', row.occurrences), revision: eb('revision', '+', 1) }))
    .where('id', '=', id)
    .execute();
}

/** Returns the ids of those that were not there yet. */
async function insert(trx: Trx, flavour: Flavour, rows: readonly RecordRow[]): Promise<Set<string>> {
  if (rows.length === 0) return new Set();
  if (flavour === 'sqlite') return insertInChunks(trx, rows);
  if (flavour === 'mysql') return insertUnknown(trx, rows);
  const inserted = await trx
    .insertInto(TABLE)
    .values(rows)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .execute();
  return new Set(inserted.map(({ id }) => id));
}

/** Rows of one statement in SQLite: without a network between, more of them only make it longer to bind. */
const CHUNK = 16;

/**
 * By hand, since this is what failing calls wait for: one text for each number of rows, and no columns that are null in all
 * of them, as a third are while an entry is new. `npm run bench -- dead-letter`.
 */
async function insertInChunks(trx: Trx, rows: readonly RecordRow[]): Promise<Set<string>> {
  const fresh = new Set<string>();
  const columns = (Object.keys(rows[0]!) as (keyof RecordRow)[]).filter((column) =>
    rows.some((row) => row[column] !== null),
  );
  const texts = new Map<number, string>();
  for (let at = 0; at < rows.length;) {
    const size = at + CHUNK <= rows.length ? CHUNK : 1;
    const values: unknown[] = [];
    for (let i = at; i < at + size; i++) for (const column of columns) values.push(rows[i]![column]);
    const text = texts.get(size) ?? insertText(columns, size);
    texts.set(size, text);
    const { numAffectedRows } = await trx.executeQuery(CompiledQuery.raw(text, values));
    if (numAffectedRows === BigInt(size)) for (let i = at; i < at + size; i++) fresh.add(rows[i]!.id);
    // Which of them cannot be told: smaller groups will.
    else if (size > 1) throw new Error(`some of ${size} dead letters are known`);
    at += size;
  }
  return fresh;
}

function insertText(columns: readonly string[], rows: number): string {
  const row = `(${columns.map(() => '?').join()})`;
  const values = Array<string>(rows).fill(row).join();
  return `insert into ${TABLE} (${columns.join()}) values ${values} on conflict (id) do nothing`;
}

/** `insert ignore` would turn other errors into warnings. If somebody adds the same id meanwhile, the transaction begins again. */
async function insertUnknown(trx: Trx, rows: readonly RecordRow[]): Promise<Set<string>> {
  const ids = rows.map(({ id }) => id);
  const known = await trx.selectFrom(TABLE).select('id').where('id', 'in', ids).execute();
  const seen = new Set(known.map(({ id }) => id));
  const fresh = rows.filter(({ id }) => !seen.has(id) && seen.add(id));
  if (fresh.length > 0) await trx.insertInto(TABLE).values(fresh).execute();
  return new Set(fresh.map(({ id }) => id));
}
