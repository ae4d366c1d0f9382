import { type ReleasedDeadLetter, statusAfterFailure, storedId } from '@nest-resilience/core';
import type { ExpressionBuilder, Kysely, Selectable, Transaction } from 'kysely';
import { compiledOnce } from '../database/compiled.js';
import { type Flavour, locked } from '../database/flavour.js';
import { liveKey } from './dead-letter.rows.js';
import type { DeadLetterSchema, DeadLetterTable } from './dead-letter.schema.js';

const TABLE = 'resilience_dead_letters';
/** Each statement holds its rows for as long as it runs. */
const CHUNK = 500;

type Trx = Transaction<DeadLetterSchema>;
export type DeadLetterRow = Selectable<DeadLetterTable>;

const rowsOf = compiledOnce((trx: Kysely<DeadLetterSchema>, flavour, id: string) =>
  trx.selectFrom(TABLE).selectAll().where('id', '=', id).modifyEnd(locked(flavour)),
);

/** An entry for this transaction alone. */
export async function take(trx: Trx, flavour: Flavour, id: string): Promise<DeadLetterRow | undefined> {
  const [row] = await rowsOf(trx, flavour, storedId(id));
  return row;
}

const statesOf = compiledOnce((trx: Kysely<DeadLetterSchema>, flavour, id: string) =>
  trx
    .selectFrom(TABLE)
    .select(['id', 'status', 'redrives', 'max_redrives', 'live_key', 'lease_token', 'revision'])
    .where('id', '=', id)
    .modifyEnd(locked(flavour)),
);

/** The same, but for what the failed call brought along. */
export async function takeState(trx: Trx, flavour: Flavour, id: string) {
  const [row] = await statesOf(trx, flavour, storedId(id));
  return row;
}

/** Where a failed redrive leads. A poisoned entry is not live: its key is free for a new one. */
export function afterFailure(row: Pick<DeadLetterRow, 'redrives' | 'max_redrives' | 'live_key'>) {
  const status = statusAfterFailure({ redrives: row.redrives, maxRedrives: row.max_redrives });
  return { redrives: row.redrives + 1, status, live_key: status === 'poisoned' ? null : row.live_key };
}

/** What a lease that ran out makes of its entry. */
export function afterCrash(
  row: Pick<DeadLetterRow, 'redrives' | 'max_redrives' | 'live_key' | 'lease_until'>,
  now: number,
) {
  return {
    ...afterFailure(row),
    ...{ last_redrive_at: row.lease_until, updated_at: now, lease_holder: null, lease_until: null },
  };
}

export function hasExpired(row: Pick<DeadLetterRow, 'status' | 'lease_until'>, now: number): boolean {
  return row.status === 'redriving' && Number(row.lease_until) <= now;
}

/** Leases that end before `now`, or after `latest`: the clock that they were measured by has been set back. */
function runOut(now: number, latest: number) {
  return (eb: ExpressionBuilder<DeadLetterSchema, typeof TABLE>) =>
    eb.or([eb('lease_until', '<=', now), ...(latest === Infinity ? [] : [eb('lease_until', '>', latest)])]);
}

/** Whether any lease has run out. */
export async function expired(kysely: Kysely<DeadLetterSchema>, now: number, latest = Infinity): Promise<boolean> {
  const row = await kysely
    .selectFrom(TABLE)
    .select('id')
    .where('status', '=', 'redriving')
    .where(runOut(now, latest))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Gives back one portion of what crashed replicas held; what another replica is just giving back is left to it. */
export async function releaseSome(
  trx: Trx,
  flavour: Flavour,
  now: number,
  latest = Infinity,
): Promise<ReleasedDeadLetter[]> {
  const rows = await trx
    .selectFrom(TABLE)
    .select(['id', 'queue', 'target', 'redrives', 'max_redrives', 'live_key', 'lease_until'])
    .where('status', '=', 'redriving')
    .where(runOut(now, latest))
    .limit(CHUNK)
    .modifyEnd(locked(flavour, 'free'))
    .execute();
  const released: ReleasedDeadLetter[] = [];
  for (const { id, queue, target, ...row } of rows) {
    const change = afterCrash(row, now);
    await trx.updateTable(TABLE).set(change).where('id', '=', id).execute();
    released.push({ id, queue, target, redrives: change.redrives, status: change.status });
  }
  return released;
}

/** A poisoned entry that becomes live again gets its key back, unless a newer entry has it by now. */
export async function claimLiveKey(
  trx: Trx,
  row: Pick<DeadLetterRow, 'id' | 'target' | 'idempotency_key'>,
): Promise<void> {
  const key = liveKey(row);
  if (key === null) return;
  const taken = await trx.selectFrom(TABLE).select('id').where('live_key', '=', key).executeTakeFirst();
  if (!taken) await trx.updateTable(TABLE).set({ live_key: key }).where('id', '=', row.id).execute();
}
