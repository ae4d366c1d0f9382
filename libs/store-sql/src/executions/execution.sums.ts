import type { ExecutionSums } from '@nest-resilience/workflow';
import { type Kysely, sql } from 'kysely';
import type { ExecutionSchema } from './execution.schema.js';

/** Sums of one workflow, in three small queries over indexes. */
export async function sumsOf(db: Kysely<ExecutionSchema>, workflow: string): Promise<ExecutionSums> {
  const rows = await db
    .selectFrom('resilience_executions')
    .where('workflow', '=', workflow)
    .groupBy('status')
    .select(({ fn }) => [
      'status',
      fn.countAll<number>().as('count'),
      fn.sum<number>('nodes').as('nodes'),
      fn.sum<number>('attempts').as('attempts'),
      fn.sum<number>('retries').as('retries'),
      fn.sum<number>('fallbacks').as('fallbacks'),
      fn.sum<number>('input_tokens').as('inputTokens'),
      fn.sum<number>('output_tokens').as('outputTokens'),
      fn.sum<number>('cost_usd').as('costUsd'),
      fn.sum<number>('degraded').as('degraded'),
      sql<number>`sum(case when retries > 0 then 1 else 0 end)`.as('withRetries'),
      sql<number>`sum(case when fallbacks > 0 then 1 else 0 end)`.as('withFallbacks'),
    ])
    .execute();
  const ended = rows.filter(({ status }) => status === 'succeeded' || status === 'failed');
  const total = (list: typeof rows, key: Exclude<keyof (typeof rows)[number], 'status'>) =>
    list.reduce((sum, row) => sum + Number(row[key]), 0);
  const count = total(ended, 'count');
  return {
    byStatus: Object.fromEntries(rows.map((row) => [row.status, Number(row.count)])),
    nodes: total(rows, 'nodes'),
    attempts: total(rows, 'attempts'),
    retries: total(rows, 'retries'),
    fallbacks: total(rows, 'fallbacks'),
    inputTokens: total(rows, 'inputTokens'),
    outputTokens: total(rows, 'outputTokens'),
    costUsd: total(rows, 'costUsd'),
    withRetries: total(ended, 'withRetries'),
    withFallbacks: total(ended, 'withFallbacks'),
    degraded: total(ended, 'degraded'),
    p50: await percentile(db, workflow, 50, count),
    p95: await percentile(db, workflow, 95, count),
  };
}

async function percentile(
  db: Kysely<ExecutionSchema>,
  workflow: string,
  percent: number,
  count: number,
): Promise<number | null> {
  if (count === 0) return null;
  const row = await db
    .selectFrom('resilience_executions')
    .select('duration_ms')
    .where('workflow', '=', workflow)
    .where('duration_ms', 'is not', null)
    .orderBy('duration_ms')
    .limit(1)
    .offset(Math.max(0, Math.ceil((percent / 100) * count) - 1))
    .executeTakeFirst();
  return row?.duration_ms ?? null;
}
