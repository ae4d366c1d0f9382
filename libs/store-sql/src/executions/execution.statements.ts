import type { ExecutionClaim, ExecutionRecord, NodeRecord } from '@nest-resilience/workflow';
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { type Flavour, lockedShared } from '../database/flavour.js';
import { toNodeRow } from './execution.rows.js';
import { type ExecutionRow, type ExecutionSchema, EXECUTIONS, NODES } from './execution.schema.js';

/** Whether the execution was in one of the states and is this owner's now. */
export async function claimed(
  db: Kysely<ExecutionSchema>,
  id: string,
  { owner, from, startedAt, deadlineAt, version }: ExecutionClaim,
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
      output: null,
      error: null,
      finished_at: null,
      duration_ms: null,
    })
    .where('id', '=', id)
    .where('status', 'in', from)
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
    (await all.where('workflow', '=', workflow).where('idempotency_key', '=', idempotencyKey).executeTakeFirst());
  return same || (joinKey === undefined ? undefined : all.where('join_key', '=', joinKey).executeTakeFirst());
}

/** A node that ended, as its owner reports it. */
export interface Checkpoint {
  readonly id: string;
  readonly owner: string;
  readonly node: NodeRecord;
}

/**
 * Keeps a checkpoint; false when the execution does not run under this owner. One statement: the check of the owner and the checkpoint
 * cannot come apart.
 */
export async function keep(
  trx: Transaction<ExecutionSchema>,
  flavour: Flavour,
  { id, owner, node }: Checkpoint,
): Promise<boolean> {
  const row = toNodeRow(id, node);
  const { numAffectedRows } = await sql`
    insert into ${sql.table(NODES)} (execution_id, node, status, record)
    select id, ${row.node}, ${row.status}, ${row.record} from ${sql.table(EXECUTIONS)} as running
    where id = ${id} and running.status = 'running' and owner = ${owner} ${lockedShared(flavour)}
    ${replacingFailed(flavour)}`.execute(trx);
  return (numAffectedRows ?? 0n) > 0n || runsUnder(trx, id, owner);
}

async function runsUnder(db: Kysely<ExecutionSchema>, id: string, owner: string): Promise<boolean> {
  const row = await db
    .selectFrom(EXECUTIONS)
    .select('id')
    .where('id', '=', id)
    .where('status', '=', 'running')
    .where('owner', '=', owner)
    .executeTakeFirst();
  return row !== undefined;
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
