import type {
  ExecutionClaim,
  ExecutionEnd,
  ExecutionFilter,
  ExecutionLedger,
  ExecutionListing,
  ExecutionPage,
  ExecutionRecord,
  ExecutionStore,
  ExecutorLease,
  NodeRecord,
  ExecutionSums,
  UnfinishedExecution,
} from '@nest-resilience/workflow';
import { fittingOnPage, indexedKey, storedId } from '@nest-resilience/core';
import { type Kysely, sql } from 'kysely';
import { type DatabaseSource, LazyDatabase, transact } from '../database/database.js';
import { GroupCommit, ItemRefused } from '../database/group-commit.js';
import { rowBytes } from '../database/row-bytes.js';
import { sumsOf } from './execution.sums.js';
import { SqlExecutorLease } from './sql-executor.lease.js';
import { bytesOf, readNodes, readPage } from './execution.pages.js';
import { json, toExecution, toNodeRow, toRow } from './execution.rows.js';
import { EXECUTION_MIGRATIONS, type ExecutionSchema, EXECUTIONS, NODES } from './execution.schema.js';
import { type Checkpoint, claimed, findOlder, keepAll } from './execution.statements.js';

// Only types come from the workflow package: this one also serves applications that have no workflows.
const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 500;
/** Checkpoints of one transaction. */
const MAX_GROUP = 256;

/** The ledger of workflows in any of the databases. */
export class SqlExecutionStore implements ExecutionStore {
  readonly durable: boolean;
  readonly lease: ExecutorLease | undefined;
  private readonly database: LazyDatabase<ExecutionSchema>;
  private readonly checkpoints = new GroupCommit((group: readonly Checkpoint[]) => this.commit(group), {
    items: MAX_GROUP,
    bytes: () => this.database.groupBytes,
    bytesOf: ({ row }) => rowBytes(row),
  });

  constructor(source: DatabaseSource) {
    this.durable = source.durable;
    this.database = new LazyDatabase(source, 'executions', EXECUTION_MIGRATIONS);
    // What does not outlive the process has no other one to share it with.
    this.lease = source.durable ? new SqlExecutorLease(this.database) : undefined;
  }

  async init(): Promise<void> {
    await this.db();
  }

  close(): Promise<void> {
    return this.database.close();
  }

  async create(execution: ExecutionRecord): Promise<{ execution: ExecutionRecord; created: boolean }> {
    // Two that insert the same key at once: one is undone, begins again and finds the other.
    return transact(await this.database.get(), async (trx) => {
      const older = await findOlder(trx, execution);
      if (older) return { execution: toExecution(older), created: false };
      await trx.insertInto(EXECUTIONS).values(toRow(execution)).execute();
      return { execution, created: true };
    });
  }

  async probe(): Promise<void> {
    (await this.database.get()).probe?.();
    await this.find('probe');
  }

  async get(id: string): Promise<ExecutionLedger | undefined> {
    const { kysely, flavour } = await this.database.get();
    const execution = await this.find(id);
    return execution && { ...execution, nodes: await readNodes(kysely, flavour, storedId(id)) };
  }

  async find(id: string): Promise<ExecutionRecord | undefined> {
    const row = await (
      await this.db()
    )
      .selectFrom(EXECUTIONS)
      .selectAll()
      .where('id', '=', storedId(id))
      .executeTakeFirst();
    return row && toExecution(row);
  }

  async findByIdempotencyKey(workflow: string, key: string): Promise<ExecutionRecord | undefined> {
    const db = await this.db();
    const row = await db
      .selectFrom(EXECUTIONS)
      .selectAll()
      .where('workflow', '=', storedId(workflow))
      .where('idempotency_key', '=', indexedKey(key))
      .executeTakeFirst();
    return row && toExecution(row);
  }

  async list(
    { workflow, status, cursor, limit = DEFAULT_PAGE_SIZE }: ExecutionFilter,
    { summaries = false }: ExecutionListing = {},
  ): Promise<ExecutionPage> {
    const size = Math.min(Math.max(1, limit), MAX_PAGE_SIZE);
    const db = await this.db();
    let query = db
      .selectFrom(EXECUTIONS)
      .select(['id', bytesOf(summaries).as('stored')])
      .orderBy('id', 'desc')
      .limit(size + 1);
    if (workflow !== undefined) query = query.where('workflow', '=', storedId(workflow));
    if (status !== undefined) query = query.where('status', '=', status);
    if (cursor !== undefined) query = query.where('id', '<', storedId(cursor));
    const found = await query.execute();
    const sizes = found.slice(0, size);
    const page = sizes.slice(0, fittingOnPage(sizes.map(({ stored }) => Number(stored)))).map(({ id }) => id);
    const items = await readPage(db, page, summaries);
    const last = page.at(-1);
    return { items, ...(last !== undefined && found.length > page.length && { nextCursor: last }) };
  }

  async claim(id: string, claim: ExecutionClaim): Promise<ExecutionLedger | undefined> {
    return (await claimed(await this.db(), storedId(id), claim)) ? this.get(id) : undefined;
  }

  async reopen(id: string, claim: ExecutionClaim, forget: readonly string[]): Promise<ExecutionLedger | undefined> {
    const reopened = await transact(await this.database.get(), async (trx) => {
      if (!(await claimed(trx, storedId(id), claim))) return false;
      await trx.deleteFrom(NODES).where('execution_id', '=', id).where('node', 'in', forget).execute();
      return true;
    });
    return reopened ? this.get(id) : undefined;
  }

  async checkpoint(id: string, owner: string, node: NodeRecord): Promise<boolean> {
    const { status, optional } = node;
    const acquits = status !== 'failed' || optional;
    return this.checkpoints.add({ owner, acquits, row: toNodeRow(storedId(id), node) });
  }

  async finish(id: string, owner: string, end: ExecutionEnd): Promise<boolean> {
    const db = await this.db();
    const { totals } = end;
    const { numUpdatedRows } = await db
      .updateTable(EXECUTIONS)
      .set({
        status: end.status,
        output: json(end.output),
        error: json(end.error),
        degraded: end.degraded ? 1 : 0,
        finished_at: end.finishedAt,
        duration_ms: sql<number>`case when ${end.finishedAt} > created_at then ${end.finishedAt} - created_at else 0 end`,
        join_key: null,
        owner: null,
        // It took nobody along: its last checkpoint may be older than the crash.
        ...(end.status === 'succeeded' && { crashes: 0 }),
        ...(end.servedBy !== undefined && { served_by: end.servedBy }),
        ...(end.deadLetterId !== undefined && { dead_letter_id: end.deadLetterId }),
        nodes: totals.nodes,
        attempts: totals.attempts,
        retries: totals.retries,
        fallbacks: totals.fallbacks,
        input_tokens: totals.inputTokens,
        output_tokens: totals.outputTokens,
        cost_usd: totals.costUsd,
      })
      .where('id', '=', storedId(id))
      .where('status', '=', 'running')
      .where('owner', '=', owner)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  async cancel(id: string, { finishedAt }: { readonly finishedAt: number }): Promise<boolean> {
    const db = await this.db();
    const { numUpdatedRows } = await db
      .updateTable(EXECUTIONS)
      .set({ status: 'cancelled', finished_at: finishedAt, join_key: null, owner: null })
      .where('id', '=', storedId(id))
      .where('status', 'in', ['queued', 'running'])
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  async amend(id: string, node: NodeRecord): Promise<boolean> {
    const db = await this.db();
    const { status, record } = toNodeRow(id, node);
    const { numUpdatedRows } = await db
      .updateTable(NODES)
      .set({ status, record })
      .where('execution_id', '=', storedId(id))
      .where('node', '=', node.node)
      .where('status', '=', 'failed')
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  async prune(finishedBefore: number, limit: number): Promise<number> {
    return transact(await this.database.get(), async (trx) => {
      const rows = await trx
        .selectFrom(EXECUTIONS)
        .select('id')
        .where('status', 'in', ['succeeded', 'failed', 'cancelled'])
        .where('finished_at', '<', finishedBefore)
        .orderBy('finished_at')
        .limit(limit)
        .execute();
      const ids = rows.map(({ id }) => id);
      if (ids.length === 0) return 0;
      await trx.deleteFrom(NODES).where('execution_id', 'in', ids).execute();
      await trx.deleteFrom(EXECUTIONS).where('id', 'in', ids).execute();
      return ids.length;
    });
  }

  async unfinished(): Promise<UnfinishedExecution[]> {
    const db = await this.db();
    const rows = await db
      .selectFrom(EXECUTIONS)
      .select(['id', 'workflow', 'crashes'])
      .where('status', 'in', ['queued', 'running'])
      .where('parent_id', 'is', null)
      .orderBy('id')
      .execute();
    return rows.map(({ id, workflow, crashes }) => ({ id, workflow, ...(crashes > 0 && { crashes }) }));
  }

  async sums(workflow: string): Promise<ExecutionSums> {
    return sumsOf(await this.db(), storedId(workflow));
  }

  private async commit(group: readonly Checkpoint[]): Promise<boolean[]> {
    const database = await this.database.get();
    return transact(database, (trx) => keepAll(trx, database.flavour, group).catch(ItemRefused.rethrow));
  }

  private async db(): Promise<Kysely<ExecutionSchema>> {
    return (await this.database.get()).kysely;
  }
}
