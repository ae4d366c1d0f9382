import type { ExecutorLease, LeaseHolder, LeaseNote, LeaseSeen, LeaseTaken } from '@nest-resilience/workflow';
import { type Kysely, sql, type Transaction } from 'kysely';
import { type Database, type LazyDatabase, transact } from '../database/database.js';
import { locked, serverTime } from '../database/flavour.js';
import { EXECUTOR_LEASE, type ExecutionSchema, EXECUTIONS, type LeaseRow, LEASES } from './execution.schema.js';

/** The right to run executions as a row, by the clock of the database whatever clock other leases go by. */
export class SqlExecutorLease implements ExecutorLease {
  constructor(private readonly database: LazyDatabase<ExecutionSchema>) {}

  async take(me: LeaseHolder, leaseMs: number, over?: LeaseSeen): Promise<LeaseTaken | LeaseSeen> {
    const database = await this.database.get();
    return transact(database, async (trx) => {
      const now = await timeOf(database, trx);
      const row = await trx
        .selectFrom(LEASES)
        .selectAll()
        .where('name', '=', EXECUTOR_LEASE)
        .modifyEnd(locked(database.flavour))
        .executeTakeFirst();
      if (row && row.owner !== me.owner && !isSame(row, over)) return seen(row, now);
      const before = row && row.owner !== me.owner ? row : undefined;
      const unexplained = before ? await putDown(trx, before) : Number(row?.unexplained ?? 0);
      const next: LeaseRow = {
        ...{ name: EXECUTOR_LEASE, owner: me.owner, holder: JSON.stringify(me), since: now, ends_at: now + leaseMs },
        ...{ beat: Number(row?.beat ?? 0) + 1, suspect: null, alone: 0, leaving: 0, unexplained },
      };
      if (row) await trx.updateTable(LEASES).set(next).where('name', '=', EXECUTOR_LEASE).execute();
      else await trx.insertInto(LEASES).values(next).execute();
      const suspect = before?.alone === 0 && before.suspect !== null ? before.suspect : undefined;
      return { held: true, afterCrash: before !== undefined, unexplained, ...(suspect !== undefined && { suspect }) };
    });
  }

  async renew(owner: string, leaseMs: number): Promise<boolean> {
    const { kysely, flavour } = await this.database.get();
    const { numUpdatedRows } = await kysely
      .updateTable(LEASES)
      .set({ ends_at: sql<number>`${serverTime(flavour)} + ${leaseMs}`, beat: sql<number>`beat + 1` })
      .where('name', '=', EXECUTOR_LEASE)
      .where('owner', '=', owner)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  async note(owner: string, { suspect, alone, leaving, unexplained = 0 }: LeaseNote): Promise<void> {
    const { kysely } = await this.database.get();
    await kysely
      .updateTable(LEASES)
      .set({ suspect: suspect ?? null, alone: alone ? 1 : 0, leaving: leaving ? 1 : 0, unexplained })
      .where('name', '=', EXECUTOR_LEASE)
      .where('owner', '=', owner)
      .execute();
  }

  async release(owner: string): Promise<void> {
    const { kysely } = await this.database.get();
    await kysely.deleteFrom(LEASES).where('name', '=', EXECUTOR_LEASE).where('owner', '=', owner).execute();
  }
}

async function timeOf({ flavour }: Pick<Database<never>, 'flavour'>, trx: Kysely<ExecutionSchema>): Promise<number> {
  const { now } = await trx.selectNoFrom(serverTime(flavour).as('now')).executeTakeFirstOrThrow();
  return Number(now);
}

function isSame({ owner, beat }: LeaseRow, over: LeaseSeen | undefined): boolean {
  return over !== undefined && owner === over.holder.owner && Number(beat) === over.beat;
}

function seen({ holder, since, ends_at, beat }: LeaseRow, now: number): LeaseSeen {
  return {
    held: false,
    holder: JSON.parse(holder) as LeaseHolder,
    since: Number(since),
    leftMs: Number(ends_at) - now,
    beat: Number(beat),
  };
}

/**
 * Puts the end of a process down to what it ran: more than a second suspicion only to the one that was alone.
 * @returns crashes in a row that nobody could be blamed for, this one included
 */
async function putDown(
  trx: Transaction<ExecutionSchema>,
  { leaving, suspect, alone, unexplained }: LeaseRow,
): Promise<number> {
  if (leaving) return 0;
  const running = () => trx.updateTable(EXECUTIONS).where('status', '=', 'running');
  const known = await trx
    .selectFrom(EXECUTIONS)
    .select('id')
    .where('status', '=', 'running')
    .where('crashes', '>', 0)
    .limit(1)
    .executeTakeFirst();
  if (suspect !== null) {
    const blamed = running()
      .set({ crashes: sql<number>`crashes + 1` })
      .where('id', '=', suspect);
    await (alone === 1 ? blamed : blamed.where('crashes', '=', 1)).execute();
  }
  await running().set({ crashes: 1 }).where('crashes', '=', 0).execute();
  return known && alone === 0 ? unexplained + 1 : unexplained;
}
