import { Turns } from '@nest-resilience/core';
import type { ExecutionRecord, NodeRecord } from '@nest-resilience/workflow';
import { type Kysely, sql } from 'kysely';
import { arrivalOf, type Flavour } from '../database/flavour.js';
import { groupsOf } from '../database/read-groups.js';
import { READ_COLUMNS, toExecution, toNode } from './execution.rows.js';
import { EXECUTIONS, type ExecutionSchema, NODES } from './execution.schema.js';

/** Of what a page has to read of an execution. */
export function bytesOf(summaries: boolean) {
  const error = sql<number>`coalesce(octet_length(error), 0)`;
  return summaries ? error : sql<number>`octet_length(input) + coalesce(octet_length(output), 0) + ${error}`;
}

/** These executions, in this order. Summaries have null for their input. */
export async function readPage(
  db: Kysely<ExecutionSchema>,
  ids: readonly string[],
  summaries: boolean,
): Promise<ExecutionRecord[]> {
  if (ids.length === 0) return [];
  const input = summaries ? sql<string>`'null'` : sql<string>`input`;
  const output = summaries ? sql<string | null>`null` : sql<string | null>`output`;
  const rows = await db
    .selectFrom(EXECUTIONS)
    .select([...READ_COLUMNS, input.as('input'), output.as('output')])
    .where('id', 'in', ids)
    .execute();
  const found = new Map(rows.map((row) => [row.id, row]));
  const turns = new Turns();
  const records: ExecutionRecord[] = [];
  for (const id of ids) {
    const row = found.get(id);
    // One that was removed meanwhile is missing.
    if (row) records.push(toExecution(row));
    await turns.take();
  }
  return records;
}

/** Most ledgers have fewer nodes, and are read at once. */
const FEW_NODES = 16;

/** The checkpoints of an execution in the order in which they came. Each may have megabytes. */
export async function readNodes(db: Kysely<ExecutionSchema>, flavour: Flavour, id: string): Promise<NodeRecord[]> {
  const all = db.selectFrom(NODES).where('execution_id', '=', id);
  const inOrder = all.orderBy(arrivalOf(flavour));
  const first = await inOrder.select('record').limit(FEW_NODES).execute();
  const turns = new Turns();
  const nodes: NodeRecord[] = [];
  const add = async (rows: readonly { readonly record: string }[]) => {
    for (const row of rows) {
      nodes.push(toNode(row));
      await turns.take();
    }
  };
  await add(first);
  if (first.length < FEW_NODES) return nodes;
  const others = await inOrder.select(['node as id', sql<number>`octet_length(record)`.as('stored')]).execute();
  for (const group of groupsOf(others.slice(FEW_NODES)))
    await add(await inOrder.select('record').where('node', 'in', group).execute());
  return nodes;
}
