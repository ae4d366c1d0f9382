import { indexedKey } from '@nest-resilience/core';
import type { ExecutionClaim, ExecutionRecord } from '@nest-resilience/workflow';
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { type Flavour, lockedShared } from '../database/flavour.js';
import {
  EXECUTOR_LEASE,
  type ExecutionRow,
  type ExecutionSchema,
  EXECUTIONS,
  LEASES,
  type NodeRow,
  NODES,
} from './execution.schema.js';

/** Whether the execution was in one of the states and is this owner's now. A process that lost the lease claims nothing. */
export async function claimed(
  db: Kysely<ExecutionSchema>,
  id: string,
  { owner, from, startedAt, deadlineAt, version, absolve }: ExecutionClaim,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable(EXECUTIONS)
    .set({
      // Before the status: MySQL sees the new values of what stands further left.
      resumes: sql<number>`resumes + case when status = 'queued' then 0 else 1 end`,
      status: 'running',
      owner,
      version,
      started_at: sql<number>`coalesce(started_at, ${startedAt})`,
      ...(deadlineAt !== undefined && { deadline_at: deadlineAt }),
      ...(absolve && { crashes: 0 }),
      output: null,
      error: null,
      finished_at: null,
      duration_ms: null,
    })
    .where('id', '=', id)
    .where('status', 'in', from)
    .where((is) =>
      is.not(
        is.exists(is.selectFrom(LEASES).select('name').where('name', '=', EXECUTOR_LEASE).where('owner', '!=', owner)),
      ),
    )
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** The execution that has the idempotency key, or else the one that has the join key. */
export async function findOlder(
  trx: Transaction<ExecutionSchema>,
  { workflow, idempotencyKey, joinKey }: ExecutionRecord,
): Promise<ExecutionRow | undefined> {
  const all = trx.selectFrom(EXECUTIONS).selectAll();
  const same =
    idempotencyKey !== undefined &&
    (await all
      .where('workflow', '=', workflow)
      .where('idempotency_key', '=', indexedKey(idempotencyKey))
      .executeTakeFirst());
  return same || (joinKey === undefined ? undefined : all.where('join_key', '=', joinKey).executeTakeFirst());
}

/** A node that ended, as its owner reports it. */
export interface Checkpoint {
  readonly owner: string;
  readonly row: NodeRow;
  /** It will not run again, so whatever crashed before was not its execution. */
  readonly acquits: boolean;
}

/**
 * Keeps checkpoints, in one transaction with the check of their owners: until it ends, nobody takes their executions away.
 * @returns per checkpoint, in order: false when its execution does not run under its owner
 */
export async function keepAll(
  trx: Transaction<ExecutionSchema>,
  flavour: Flavour,
  checkpoints: readonly Checkpoint[],
): Promise<boolean[]> {
  const ids = [...new Set(checkpoints.map(({ row }) => row.execution_id))].sort();
  const running = await trx
    .selectFrom(EXECUTIONS)
    .select(['id', 'owner', 'crashes'])
    .where('id', 'in', ids)
    .where('status', '=', 'running')
    .orderBy('id')
    .modifyEnd(lockedShared(flavour))
    .execute();
  const owners = new Map(running.map(({ id, owner }) => [id, owner]));
  const answers = checkpoints.map(({ row, owner }) => owners.get(row.execution_id) === owner);
  const rows = checkpoints.filter((_, index) => answers[index]).map(({ row }) => row);
  for (const batch of batchesOf(rows, flavour)) {
    const values = sql.join(batch.map((row) => sql`(${row.execution_id}, ${row.node}, ${row.status}, ${row.record})`));
    await sql`insert into ${sql.table(NODES)} (execution_id, node, status, record) values ${values}
      ${replacingFailed(flavour)}`.execute(trx);
  }
  const suspects = new Set(running.flatMap(({ id, crashes }) => (crashes > 0 ? [id] : [])));
  const acquitted = checkpoints.filter(
    ({ row, acquits }, index) => answers[index] && acquits && suspects.has(row.execution_id),
  );
  if (acquitted.length > 0) {
    const of = acquitted.map(({ row }) => row.execution_id);
    await trx.updateTable(EXECUTIONS).set({ crashes: 0 }).where('id', 'in', of).execute();
  }
  return answers;
}

/**
 * What goes into one statement: over a network as much as can be, in SQLite one row, whose text is prepared already. PostgreSQL
 * refuses to touch a row twice in a statement.
 */
function* batchesOf(rows: readonly NodeRow[], flavour: Flavour): Iterable<readonly NodeRow[]> {
  const taken = new Map<string, NodeRow>();
  for (const row of rows) {
    const key = `${row.execution_id} ${row.node}`;
    if (taken.size > 0 && (flavour === 'sqlite' || taken.has(key))) {
      yield [...taken.values()];
      taken.clear();
    }
    taken.set(key, row);
  }
  if (taken.size > 0) yield [...taken.values()];
}

/** A checkpoint of a node that failed makes room for a newer one, any other stays. */
function replacingFailed(flavour: Flavour): RawBuilder<unknown> {
  const status = sql.ref(`${NODES}.status`);
  if (flavour !== 'mysql')
    return sql`on conflict (execution_id, node) do update set status = excluded.status, record = excluded.record
      where ${status} = 'failed'`;
  const record = sql.ref(`${NODES}.record`);
  // The record first: what follows sees the new status.
  return sql`on duplicate key update
    record = if(${status} = 'failed', values(record), ${record}),
    status = if(${status} = 'failed', values(status), ${status})`;
}
