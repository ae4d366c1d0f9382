import type { ExecutionSums } from '@nest-resilience/workflow';
import type { Kysely } from 'kysely';
import { type ExecutionSchema, EXECUTIONS, TOTALS } from './execution.schema.js';
import { FIGURE_NAMES, OPEN } from './execution.totals.js';

/** Those whose durations are measured. */
const MEASURED = ['succeeded', 'failed'];
/** Durations of one bucket that a percentile reads at most. */
const MAX_READ = 1_000;

/** Sums of one workflow. What has ended was added up when it did; what has not is counted. */
export async function sumsOf(db: Kysely<ExecutionSchema>, workflow: string): Promise<ExecutionSums> {
  const totals = db.selectFrom(TOTALS).where('workflow', '=', workflow);
  const rows = await totals
    .groupBy('status')
    .select(({ fn }) => ['status', ...FIGURE_NAMES.map((name) => fn.sum<number | string>(name).as(name))])
    .execute();
  const unfinished = await db
    .selectFrom(EXECUTIONS)
    .where('workflow', '=', workflow)
    .where('status', 'in', ['queued', 'running'])
    .groupBy('status')
    .select(({ fn }) => ['status', fn.countAll<number>().as('executions')])
    .execute();
  const measured = rows.filter(({ status }) => MEASURED.includes(status));
  const total = (list: typeof rows, name: (typeof FIGURE_NAMES)[number]) =>
    list.reduce((sum, row) => sum + Number(row[name]), 0);
  const byStatus = [...rows.filter(({ status }) => status !== OPEN), ...unfinished];
  return {
    byStatus: Object.fromEntries(byStatus.map(({ status, executions }) => [status, Number(executions)])),
    nodes: total(rows, 'nodes'),
    attempts: total(rows, 'attempts'),
    retries: total(rows, 'retries'),
    fallbacks: total(rows, 'fallbacks'),
    inputTokens: total(rows, 'input_tokens'),
    outputTokens: total(rows, 'output_tokens'),
    costUsd: total(rows, 'cost_usd'),
    withRetries: total(measured, 'with_retries'),
    withFallbacks: total(measured, 'with_fallbacks'),
    degraded: total(measured, 'degraded'),
    ...(await percentilesOf(db, workflow)),
  };
}

async function percentilesOf(db: Kysely<ExecutionSchema>, workflow: string) {
  const rows = await db
    .selectFrom(TOTALS)
    .where('workflow', '=', workflow)
    .where('status', 'in', MEASURED)
    .groupBy('bucket')
    .orderBy('bucket')
    .select(({ fn }) => ['bucket', fn.sum<number | string>('executions').as('executions')])
    .execute();
  const buckets = rows.map((row) => ({ from: Number(row.bucket), count: Number(row.executions) }));
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const percentile = async (percent: number): Promise<number | null> => {
    let before = Math.max(1, Math.ceil((percent / 100) * count));
    const bucket = buckets.find((each) => before <= each.count || ((before -= each.count), false));
    return bucket === undefined ? null : within(db, workflow, bucket.from, before - 1);
  };
  return { p50: await percentile(50), p95: await percentile(95) };
}

/** A duration that is not the shortest of its bucket: exact unless more than {@link MAX_READ} of it are shorter. */
async function within(db: Kysely<ExecutionSchema>, workflow: string, from: number, shorter: number): Promise<number> {
  const row = await db
    .selectFrom(EXECUTIONS)
    .select('duration_ms')
    .where('workflow', '=', workflow)
    .where('duration_ms', '>=', from)
    .orderBy('duration_ms')
    .limit(1)
    .offset(Math.min(shorter, MAX_READ))
    .executeTakeFirst();
  return row?.duration_ms ?? from;
}
