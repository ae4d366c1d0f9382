import { indexedKey } from '@nest-resilience/core';
import type { ExecutionClaim, ExecutionLease, ExecutionRecord } from '@nest-resilience/workflow';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { compiledOnce } from '../database/compiled.js';
import { type Flavour, lockedShared, serverTime } from '../database/flavour.js';
import { listed } from '../database/listed.js';
import { isHeld, takeAll } from './execution.ends.js';
import { READ_COLUMNS, toExecution } from './execution.rows.js';
import {
  EXECUTOR_LEASE,
  type ExecutionRow,
  type ExecutionSchema,
  EXECUTIONS,
  hasEnded,
  type ItemRow,
  ITEMS,
  LEASES,
  type NodeRow,
  NODES,
} from './execution.schema.js';
import { Tally } from './execution.totals.js';

type Trx = Kysely<ExecutionSchema>;

/**
 * Whether the execution was in one of the states, not in somebody's hands, and is this owner's now. A process that lost the lease claims
 * nothing.
 */
export async function claimed(
  trx: Trx,
  flavour: Flavour,
  id: string,
  { owner, from, startedAt, deadlineAt, version, movedFrom, absolve, leaseMs, executor = owner }: ExecutionClaim,
): Promise<boolean> {
  const now = serverTime(flavour);
  const isTakenOver = sql`status = 'running' and owner <> ${owner}`;
  const [before] = from.some(hasEnded) ? await takeAll(trx, flavour, [id]) : [];
  const { numUpdatedRows } = await trx
    .updateTable(EXECUTIONS)
    .set({
      // Before the status and the owner: MySQL sees the new values of what stands further left.
      ...(leaseMs !== undefined && { crashes: sql<number>`crashes + case when ${isTakenOver} then 1 else 0 end` }),
      ...(absolve && { crashes: 0 }),
      fence: sql<number>`fence + 1`,
      due_at: leaseMs === undefined ? null : sql<number>`${now} + ${leaseMs}`,
      resumes: sql<number>`resumes + case when status = 'queued' then 0 else 1 end`,
      status: 'running',
      owner,
      version,
      ...(movedFrom !== undefined && { moved_from: movedFrom }),
      started_at: sql<number>`coalesce(started_at, ${startedAt})`,
      ...(deadlineAt !== undefined && { deadline_at: deadlineAt }),
      output: null,
      error: null,
      finished_at: null,
      duration_ms: null,
    })
    .where('id', '=', id)
    .where('status', 'in', from)
    .where(sql<boolean>`(status <> 'running' or owner = ${owner} or due_at is null or due_at <= ${now})`)
    .where((is) =>
      is.not(
        is.exists(
          is.selectFrom(LEASES).select('name').where('name', '=', EXECUTOR_LEASE).where('owner', '!=', executor),
        ),
      ),
    )
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return false;
  if (before) await new Tally().move(before, { ...before, status: 'running', duration_ms: null }).keep(trx, flavour);
  return true;
}

/** The execution that has the idempotency key, or else the one that has the join key. */
async function findOlder(
  trx: Trx,
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

/** In the order in which they are bound. */
const COLUMNS = [...READ_COLUMNS, 'input', 'output', 'duration_ms', 'lane', 'priority'] as const;

const insert = compiledOnce((trx: Trx, flavour: Flavour, dueMs: unknown, ...values: unknown[]) => {
  const row = Object.fromEntries(COLUMNS.map((column, place) => [column, values[place]]));
  const due_at = sql<number>`${serverTime(flavour)} + ${dueMs}`;
  return trx.insertInto(EXECUTIONS).values({ ...(row as Record<(typeof COLUMNS)[number], never>), due_at });
});

/** Adds an execution, unless its keys lead to an older one. */
export async function create(
  trx: Trx,
  flavour: Flavour,
  execution: ExecutionRecord,
  row: ExecutionRow,
  dueMs: number | undefined,
): Promise<{ execution: ExecutionRecord; created: boolean }> {
  const older = await findOlder(trx, execution);
  if (older) return { execution: toExecution(older), created: false };
  const values = COLUMNS.map((column) => row[column]);
  await insert(trx, flavour, dueMs ?? null, ...values);
  await new Tally().move(undefined, row).keep(trx, flavour);
  return { execution, created: true };
}

/** A node, or an item of one, that ended, as its owner reports it. */
export interface Checkpoint {
  readonly lease: ExecutionLease;
  readonly row: NodeRow | ItemRow;
  /** It will not run again, so whatever crashed before was not its execution. */
  readonly acquits: boolean;
}

/**
 * Keeps checkpoints, in one transaction with the check of their leases: until it ends, nobody takes their executions away.
 * @returns per checkpoint, in order: false when its execution does not run under its lease
 */
export async function keepAll(trx: Trx, flavour: Flavour, checkpoints: readonly Checkpoint[]): Promise<boolean[]> {
  const ids = listed(checkpoints.map(({ lease }) => lease.id));
  const running = await trx
    .selectFrom(EXECUTIONS)
    .select(['id', 'owner', 'fence', 'crashes'])
    .where('id', 'in', ids)
    .where('status', '=', 'running')
    .orderBy('id')
    .modifyEnd(lockedShared(flavour))
    .execute();
  const held = new Map(running.map((row) => [row.id, row]));
  const answers = checkpoints.map(({ lease }) => isHeld(held.get(lease.id), lease));
  const rows = checkpoints.filter((_, index) => answers[index]).map(({ row }) => row);
  const nodes = rows.filter((row): row is NodeRow => !('item' in row));
  for (const batch of batchesOf(nodes, flavour)) {
    const values = sql.join(batch.map((row) => sql`(${row.execution_id}, ${row.node}, ${row.status}, ${row.record})`));
    await sql`insert into ${sql.table(NODES)} (execution_id, node, status, record) values ${values}
      ${replacingFailed(flavour, NODES, ['execution_id', 'node'], ['record'])}`.execute(trx);
  }
  const items = rows.filter((row): row is ItemRow => 'item' in row);
  for (const batch of batchesOf(items, flavour)) {
    const values = sql.join(
      batch.map(
        (row) =>
          sql`(${row.execution_id}, ${row.node}, ${row.step}, ${row.item}, ${row.status}, ${row.record}, ${row.result})`,
      ),
    );
    await sql`insert into ${sql.table(ITEMS)} (execution_id, node, step, item, status, record, result) values ${values}
      ${replacingFailed(flavour, ITEMS, ['execution_id', 'node', 'step', 'item'], ['record', 'result'])}`.execute(trx);
  }
  const suspects = new Set(running.flatMap(({ id, crashes }) => (crashes > 0 ? [id] : [])));
  const acquitted = checkpoints.filter(
    ({ lease, acquits }, index) => answers[index] && acquits && suspects.has(lease.id),
  );
  if (acquitted.length > 0) {
    const of = acquitted.map(({ lease }) => lease.id);
    await trx.updateTable(EXECUTIONS).set({ crashes: 0 }).where('id', 'in', of).execute();
  }
  return answers;
}

/**
 * What goes into one statement: over a network as much as can be, in SQLite one row, whose text is prepared already. PostgreSQL
 * refuses to touch a row twice in a statement.
 */
function* batchesOf<Row extends NodeRow | ItemRow>(rows: readonly Row[], flavour: Flavour): Iterable<readonly Row[]> {
  const taken = new Map<string, Row>();
  for (const row of rows) {
    const key = 'item' in row ? `${row.execution_id} ${row.item} ${row.step} ${row.node}` : `${row.execution_id} ${row.node}`; // prettier-ignore
    if (taken.size > 0 && (flavour === 'sqlite' || taken.has(key))) {
      yield [...taken.values()];
      taken.clear();
    }
    taken.set(key, row);
  }
  if (taken.size > 0) yield [...taken.values()];
}

/** A checkpoint of what failed makes room for a newer one, any other stays. */
function replacingFailed(
  flavour: Flavour,
  table: string,
  keys: readonly string[],
  columns: readonly string[],
): RawBuilder<unknown> {
  // The status last: MySQL sees the new one from then on.
  const changed = [...columns, 'status'];
  if (flavour !== 'mysql')
    return sql.raw(
      `on conflict (${keys.join(', ')}) do update set ${changed.map((name) => `${name} = excluded.${name}`).join(', ')}
        where ${table}.status = 'failed'`,
    );
  const kept = changed.map((name) => `${name} = if(${table}.status = 'failed', values(${name}), ${table}.${name})`);
  return sql.raw(`on duplicate key update ${kept.join(', ')}`);
}
