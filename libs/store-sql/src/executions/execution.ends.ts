import type { ExecutionEnd, ExecutionLease } from '@nest-resilience/workflow';
import type { Kysely, Updateable } from 'kysely';
import { type Flavour, locked } from '../database/flavour.js';
import { listed } from '../database/listed.js';
import type { Transactions } from '../database/transactions.js';
import { MOST_REMOVED, removeItems } from './execution.items.js';
import { json } from './execution.rows.js';
import { type ExecutionRow, type ExecutionSchema, EXECUTIONS, NODES } from './execution.schema.js';
import { COUNTED_COLUMNS, Tally } from './execution.totals.js';

type Trx = Kysely<ExecutionSchema>;

/** An execution that ended, as its owner reports it. */
export interface Ending {
  readonly lease: ExecutionLease;
  readonly change: ReturnType<typeof changeOf>;
}

export function changeOf({
  status,
  output,
  error,
  degraded,
  finishedAt,
  servedBy,
  deadLetterId,
  totals,
}: ExecutionEnd) {
  return {
    ...{ status, output: json(output), error: json(error), degraded: degraded ? 1 : 0, finished_at: finishedAt },
    ...{ join_key: null, owner: null, due_at: null },
    // It took nobody along: its last checkpoint may be older than the crash.
    ...(status === 'succeeded' && { crashes: 0 }),
    ...(servedBy !== undefined && { served_by: servedBy }),
    ...(deadLetterId !== undefined && { dead_letter_id: deadLetterId }),
    ...{ nodes: totals.nodes, attempts: totals.attempts, retries: totals.retries, fallbacks: totals.fallbacks },
    ...{ input_tokens: totals.inputTokens, output_tokens: totals.outputTokens, cost_usd: totals.costUsd ?? 0 },
  };
}

/** Executions for this transaction alone, as the totals count them. */
export function takeAll(trx: Trx, flavour: Flavour, ids: readonly string[]) {
  return trx
    .selectFrom(EXECUTIONS)
    .select(['id', 'owner', 'fence', 'created_at', ...COUNTED_COLUMNS])
    .where('id', 'in', listed(ids))
    .orderBy('id')
    .modifyEnd(locked(flavour))
    .execute();
}

export function isHeld(row: { owner: string | null; fence: number } | undefined, lease: ExecutionLease): boolean {
  return row?.owner === lease.owner && Number(row.fence) === lease.fence;
}

/** @returns per end, in order: false when its execution does not run under its lease */
export async function finishAll(trx: Trx, flavour: Flavour, ends: readonly Ending[]): Promise<boolean[]> {
  const rows = await takeAll(
    trx,
    flavour,
    ends.map(({ lease }) => lease.id),
  );
  const running = new Map(rows.filter(({ status }) => status === 'running').map((row) => [row.id, row]));
  const tally = new Tally();
  const answers: boolean[] = [];
  for (const { lease, change } of ends) {
    const row = running.get(lease.id);
    const isOurs = row !== undefined && isHeld(row, lease);
    answers.push(isOurs);
    if (!isOurs) continue;
    running.delete(lease.id);
    const durationMs = Math.max(0, change.finished_at - Number(row.created_at));
    await update(trx, tally, row, { ...change, duration_ms: durationMs });
  }
  await tally.keep(trx, flavour);
  return answers;
}

/** Whether the execution was unfinished. */
export async function cancel(trx: Trx, flavour: Flavour, id: string, finishedAt: number): Promise<boolean> {
  const [row] = await takeAll(trx, flavour, [id]);
  if (row?.status !== 'queued' && row?.status !== 'running') return false;
  const tally = new Tally();
  await update(trx, tally, row, {
    status: 'cancelled',
    finished_at: finishedAt,
    join_key: null,
    owner: null,
    due_at: null,
  });
  await tally.keep(trx, flavour);
  return true;
}

type Taken = Awaited<ReturnType<typeof takeAll>>[number];

async function update(trx: Trx, tally: Tally, row: Taken, change: Updateable<ExecutionRow>): Promise<void> {
  await trx.updateTable(EXECUTIONS).set(change).where('id', '=', row.id).execute();
  tally.move(row, { ...row, ...change });
}

/** In SQLite, whose statements the whole process waits for. */
const FEW = 10;

/** Removes what ended long ago, so many at a time that nobody waits for long. */
export async function prune(
  transactions: Transactions<ExecutionSchema>,
  finishedBefore: number,
  limit: number,
): Promise<number> {
  for (let removed = 0; ;) {
    const left = limit - removed;
    const some = await transactions.run((trx, flavour) =>
      pruneSome(trx, flavour, finishedBefore, flavour === 'sqlite' ? Math.min(FEW, left) : left),
    );
    removed += some ?? 0;
    if (some === 0 || some === left) return removed;
  }
}

/** Resolves with how many; `undefined`: only some of their items yet. */
async function pruneSome(trx: Trx, flavour: Flavour, finishedBefore: number, limit: number) {
  const rows = await trx
    .selectFrom(EXECUTIONS)
    .select(['id', ...COUNTED_COLUMNS])
    .where('finished_at', '<', finishedBefore)
    .orderBy('finished_at')
    .limit(limit)
    .modifyEnd(locked(flavour, 'free'))
    .execute();
  if (rows.length === 0) return 0;
  const ids = listed(rows.map(({ id }) => id));
  if ((await removeItems(trx, ids)) === MOST_REMOVED) return undefined;
  const tally = new Tally();
  for (const row of rows) tally.move(row, undefined);
  await trx.deleteFrom(NODES).where('execution_id', 'in', ids).execute();
  await trx.deleteFrom(EXECUTIONS).where('id', 'in', ids).execute();
  await tally.keep(trx, flavour);
  return rows.length;
}
