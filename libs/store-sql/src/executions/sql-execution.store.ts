import type {
  ExecutionClaim,
  ExecutionEnd,
  ExecutionFilter,
  ExecutionLedger,
  ExecutionPage,
  ExecutionRecord,
  ExecutionStore,
  NodeRecord,
  ExecutionSums,
} from '@nest-resilience/workflow';
import { type Kysely, sql } from 'kysely';
import { openSqlite, type SqliteConnection, type SqliteOptions } from '../sqlite/sqlite.connection.js';
import { sumsOf } from './execution.sums.js';
import { json, toExecution, toNode, toNodeRow, toRow } from './execution.rows.js';
import { EXECUTION_MIGRATIONS, type ExecutionSchema } from './execution.schema.js';

const EXECUTIONS = 'resilience_executions';
const NODES = 'resilience_execution_nodes';
// Only types come from the workflow package: this one also serves applications that have no workflows.
const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 500;

/**
 * The ledger of workflows in an SQLite file: every checkpoint is on disk when its promise resolves.
 * One process runs the executions of a file; it may be the file of the dead letters.
 * ```ts
 * WorkflowModule.forRoot({ store: sqliteExecutionStore({ file: 'data/resilience.db' }) });
 * ```
 */
export function sqliteExecutionStore(options: SqliteOptions): ExecutionStore {
  return new SqlExecutionStore(options);
}

class SqlExecutionStore implements ExecutionStore {
  readonly durable: boolean;
  private opening: Promise<SqliteConnection<ExecutionSchema>> | undefined;

  constructor(private readonly options: SqliteOptions) {
    this.durable = options.file !== ':memory:';
  }

  async init(): Promise<void> {
    await this.db();
  }

  async close(): Promise<void> {
    const opening = this.opening;
    this.opening = undefined;
    await (await opening?.catch(() => undefined))?.close();
  }

  async create(execution: ExecutionRecord): Promise<{ execution: ExecutionRecord; created: boolean }> {
    const db = await this.db();
    return db.transaction().execute(async (trx) => {
      const inserted = await trx
        .insertInto(EXECUTIONS)
        .values(toRow(execution))
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (inserted.numInsertedOrUpdatedRows === 1n) return { execution, created: true };
      const { workflow, idempotencyKey = null, joinKey = null } = execution;
      // Comparing with null finds nothing, which is what an absent key should find.
      const row = await trx
        .selectFrom(EXECUTIONS)
        .selectAll()
        .where((where) =>
          where.or([where('join_key', '=', joinKey), where.and({ workflow, idempotency_key: idempotencyKey })]),
        )
        .orderBy(sql`idempotency_key is ${idempotencyKey}`, 'desc')
        .limit(1)
        .executeTakeFirst();
      if (!row) throw new Error(`There is an execution ${execution.id} already`);
      return { execution: toExecution(row), created: false };
    });
  }

  async get(id: string): Promise<ExecutionLedger | undefined> {
    const db = await this.db();
    const execution = await this.find(id);
    if (!execution) return undefined;
    const rows = await db
      .selectFrom(NODES)
      .select('record')
      .where('execution_id', '=', id)
      .orderBy(sql`rowid`)
      .execute();
    return { ...execution, nodes: rows.map(toNode) };
  }

  async find(id: string): Promise<ExecutionRecord | undefined> {
    const row = await (await this.db()).selectFrom(EXECUTIONS).selectAll().where('id', '=', id).executeTakeFirst();
    return row && toExecution(row);
  }

  async findByIdempotencyKey(workflow: string, key: string): Promise<ExecutionRecord | undefined> {
    const db = await this.db();
    const row = await db
      .selectFrom(EXECUTIONS)
      .selectAll()
      .where('workflow', '=', workflow)
      .where('idempotency_key', '=', key)
      .executeTakeFirst();
    return row && toExecution(row);
  }

  async list({ workflow, status, cursor, limit = DEFAULT_PAGE_SIZE }: ExecutionFilter): Promise<ExecutionPage> {
    const size = Math.min(Math.max(1, limit), MAX_PAGE_SIZE);
    const db = await this.db();
    let query = db
      .selectFrom(EXECUTIONS)
      .selectAll()
      .orderBy('id', 'desc')
      .limit(size + 1);
    if (workflow !== undefined) query = query.where('workflow', '=', workflow);
    if (status !== undefined) query = query.where('status', '=', status);
    if (cursor !== undefined) query = query.where('id', '<', cursor);
    const rows = await query.execute();
    const items = rows.slice(0, size).map(toExecution);
    const last = items.at(-1);
    return { items, ...(last && rows.length > size && { nextCursor: last.id }) };
  }

  async claim(
    id: string,
    { owner, from, startedAt, deadlineAt, version }: ExecutionClaim,
  ): Promise<ExecutionLedger | undefined> {
    const db = await this.db();
    const { numUpdatedRows } = await db
      .updateTable(EXECUTIONS)
      .set({
        status: 'running',
        owner,
        version,
        resumes: sql<number>`resumes + (status <> 'queued')`,
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
    return numUpdatedRows === 1n ? this.get(id) : undefined;
  }

  async checkpoint(id: string, owner: string, node: NodeRecord): Promise<boolean> {
    const db = await this.db();
    const row = toNodeRow(id, node);
    // One statement is one commit: the check of the owner and the checkpoint cannot come apart.
    const { numAffectedRows } = await sql`
      insert into ${sql.table(NODES)} (execution_id, node, status, record)
      select ${row.execution_id}, ${row.node}, ${row.status}, ${row.record}
      where exists (select 1 from ${sql.table(EXECUTIONS)} where id = ${id} and status = 'running' and owner = ${owner})
      on conflict (execution_id, node) do update set status = excluded.status, record = excluded.record
      where status = 'failed'`.execute(db);
    return numAffectedRows === 1n || this.runsUnder(db, id, owner);
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
        duration_ms: sql<number>`${end.finishedAt} - created_at`,
        join_key: null,
        owner: null,
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
      .where('id', '=', id)
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
      .where('id', '=', id)
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
      .where('execution_id', '=', id)
      .where('node', '=', node.node)
      .where('status', '=', 'failed')
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  async unfinished(): Promise<string[]> {
    const db = await this.db();
    const rows = await db
      .selectFrom(EXECUTIONS)
      .select('id')
      .where('status', 'in', ['queued', 'running'])
      .where('parent_id', 'is', null)
      .orderBy('id')
      .execute();
    return rows.map(({ id }) => id);
  }

  async sums(workflow: string): Promise<ExecutionSums> {
    return sumsOf(await this.db(), workflow);
  }

  private async runsUnder(db: Kysely<ExecutionSchema>, id: string, owner: string): Promise<boolean> {
    const row = await db
      .selectFrom(EXECUTIONS)
      .select('id')
      .where('id', '=', id)
      .where('status', '=', 'running')
      .where('owner', '=', owner)
      .executeTakeFirst();
    return row !== undefined;
  }

  private async db(): Promise<Kysely<ExecutionSchema>> {
    this.opening ??= this.open();
    return (await this.opening).kysely;
  }

  private async open(): Promise<SqliteConnection<ExecutionSchema>> {
    try {
      const connection = openSqlite<ExecutionSchema>(this.options);
      await connection.migrate('executions', EXECUTION_MIGRATIONS);
      return connection;
    } catch (error) {
      // The next call tries again: a full disk or a missing directory may be mended meanwhile.
      this.opening = undefined;
      throw error;
    }
  }
}
