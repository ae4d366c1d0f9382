import type { ItemFilter, ItemLedger, ItemPage, ItemRecord } from '@nest-resilience/workflow';
import { fittingOnPage, storedId } from '@nest-resilience/core';
import { type Kysely, sql } from 'kysely';
import type { LazyDatabase } from '../database/database.js';
import { listed } from '../database/listed.js';
import { type ExecutionSchema, type ItemRow, ITEMS } from './execution.schema.js';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 500;
/** Rows that one transaction removes: SQLite's transactions hold up the whole process. */
export const MOST_REMOVED = 2_000;

export function toItemRow(executionId: string, { node, step, index, status, result, ...record }: ItemRecord): ItemRow {
  return {
    ...{ execution_id: executionId, node, step, item: index, status },
    record: JSON.stringify(record),
    result: result === undefined ? null : JSON.stringify(result),
  };
}

type ReadRow = Pick<ItemRow, 'item' | 'status' | 'record' | 'result'>;

function toItem(node: string, step: string, { item, status, record, result }: ReadRow): ItemRecord {
  return {
    ...{ node, step, index: item, status: status as ItemRecord['status'] },
    ...(result !== null && { result: JSON.parse(result) as NonNullable<ItemRecord['result']> }),
    ...(JSON.parse(record) as Omit<ItemRecord, 'node' | 'step' | 'index' | 'status' | 'result'>),
  };
}

/** The items of `each` nodes in any of the databases. */
export class SqlItemLedger implements ItemLedger {
  constructor(
    private readonly database: LazyDatabase<ExecutionSchema>,
    readonly keep: ItemLedger['keep'],
  ) {}

  async amend(id: string, item: ItemRecord): Promise<boolean> {
    const { kysely } = await this.database.get();
    const { execution_id, node, step, item: index, ...change } = toItemRow(storedId(id), item);
    const { numUpdatedRows } = await kysely
      .updateTable(ITEMS)
      .set(change)
      .where((is) => is.and({ execution_id, node, step, item: index, status: 'failed' }))
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  async page(
    id: string,
    { node, step = '', status, cursor, limit = DEFAULT_PAGE_SIZE }: ItemFilter,
  ): Promise<ItemPage> {
    const { kysely } = await this.database.get();
    const size = Math.min(Math.max(1, limit), MAX_PAGE_SIZE);
    const list = kysely
      .selectFrom(ITEMS)
      .where((is) =>
        is.and({
          ...{ execution_id: storedId(id), node: storedId(node), step: storedId(step) },
          ...(status !== undefined && { status }),
        }),
      )
      .orderBy('item');
    const stored = sql<number>`octet_length(record) + coalesce(octet_length(result), 0)`.as('stored');
    const rest = cursor === undefined ? list : list.where('item', '>', cursor);
    const found = await rest
      .select(['item', stored])
      .limit(size + 1)
      .execute();
    const first = found[0];
    if (first === undefined) return { items: [], nextCursor: null };
    const fitting = fittingOnPage(found.slice(0, size).map((row) => Number(row.stored)));
    const last = found[fitting - 1]!.item;
    const rows = await list
      .select(['item', 'status', 'record', 'result'])
      .where('item', '>=', first.item)
      .where('item', '<=', last)
      .execute();
    return {
      items: rows.map((row) => toItem(node, step, row)),
      nextCursor: found.length > fitting ? last : null,
    };
  }

  async counts(id: string) {
    const { kysely } = await this.database.get();
    const rows = await kysely
      .selectFrom(ITEMS)
      .where('execution_id', '=', storedId(id))
      .groupBy(['node', 'step'])
      .orderBy('node')
      .orderBy('step')
      .select(({ fn }) => [
        ...(['node', 'step'] as const),
        fn.countAll<number>().as('all'),
        fn.sum<number>(sql`case when status = 'failed' then 1 else 0 end`).as('failed'),
      ])
      .execute();
    return rows.map(({ node, step, all, failed }) => ({
      ...{ node, step, succeeded: Number(all) - Number(failed), failed: Number(failed) },
    }));
  }
}

/** Removes items of these executions. Resolves with how many; with {@link MOST_REMOVED} there may be others. */
export async function removeItems(trx: Kysely<ExecutionSchema>, ids: readonly string[]): Promise<number> {
  const rows = await trx
    .selectFrom(ITEMS)
    .select(['execution_id', 'node', 'step', 'item'])
    .where('execution_id', 'in', listed(ids))
    .orderBy('execution_id')
    .orderBy('node')
    .orderBy('step')
    .orderBy('item')
    .limit(MOST_REMOVED)
    .execute();
  const lists = new Map<string, { readonly first: (typeof rows)[number]; last: number }>();
  for (const row of rows) {
    const key = JSON.stringify([row.execution_id, row.node, row.step]);
    const list = lists.get(key) ?? { first: row, last: row.item };
    list.last = row.item;
    lists.set(key, list);
  }
  for (const { first, last } of lists.values()) {
    const { item, ...list } = first;
    await trx
      .deleteFrom(ITEMS)
      .where((is) => is.and(list))
      .where('item', '>=', item)
      .where('item', '<=', last)
      .execute();
  }
  return rows.length;
}
