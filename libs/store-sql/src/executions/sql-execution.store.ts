import type {
  ExecutionClaim,
  ExecutionEnd,
  ExecutionFilter,
  ExecutionLease,
  ExecutionLedger,
  ExecutionListing,
  ExecutionPage,
  ExecutionRecord,
  ExecutionStore,
  ExecutorLease,
  ItemLedger,
  NodeRecord,
  ExecutionSums,
  SharedLedger,
  UnfinishedExecution,
} from '@nest-resilience/workflow';
import { fittingOnPage, indexedKey, storedId } from '@nest-resilience/core';
import type { Kysely } from 'kysely';
import { compiledOnce } from '../database/compiled.js';
import { type DatabaseSource, LazyDatabase, transact } from '../database/database.js';
import type { Flavour } from '../database/flavour.js';
import { GroupCommit, ItemRefused } from '../database/group-commit.js';
import { rowBytes } from '../database/row-bytes.js';
import { Transactions } from '../database/transactions.js';
import { cancel, changeOf, type Ending, finishAll, prune } from './execution.ends.js';
import { SqlItemLedger, toItemRow } from './execution.items.js';
import { EXECUTION_MIGRATIONS } from './execution.migrations.js';
import { bytesOf, readNodes, readPage } from './execution.pages.js';
import { toExecution, toNodeRow, toRow } from './execution.rows.js';
import { type ExecutionSchema, EXECUTIONS, ITEMS, NODES } from './execution.schema.js';
import { type Checkpoint, claimed, create, keepAll } from './execution.statements.js';
import { sumsOf } from './execution.sums.js';
import { SqlSharedLedger } from './execution.leases.js';
import { SqlExecutorLease } from './sql-executor.lease.js';

type Trx = Kysely<ExecutionSchema>;

// Only types come from the workflow package: this one also serves applications that have no workflows.
const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 500;
/** Checkpoints, or ends, of one transaction. */
const MAX_GROUP = 256;

const rowsOf = compiledOnce((db: Kysely<ExecutionSchema>, _flavour, id: string) =>
  db.selectFrom(EXECUTIONS).selectAll().where('id', '=', id),
);

/** The ledger of workflows in any of the databases. */
export class SqlExecutionStore implements ExecutionStore {
  readonly durable: boolean;
  readonly lease: ExecutorLease | undefined;
  readonly shared: SharedLedger;
  readonly items: ItemLedger;
  private readonly database: LazyDatabase<ExecutionSchema>;
  private readonly transactions: Transactions<ExecutionSchema>;
  private readonly checkpoints = this.grouped(keepAll, ({ row }: Checkpoint) => row);
  private readonly ends = this.grouped(finishAll, ({ change }: Ending) => change);

  constructor(source: DatabaseSource) {
    this.durable = source.durable;
    this.database = new LazyDatabase(source, 'executions', EXECUTION_MIGRATIONS);
    this.transactions = new Transactions(this.database);
    this.shared = new SqlSharedLedger(this.database, this.transactions, source.networked);
    this.items = new SqlItemLedger(this.database, (lease, item) => {
      const id = storedId(lease.id);
      const acquits = item.status === 'succeeded';
      return this.checkpoints.add({ lease: { ...lease, id }, acquits, row: toItemRow(id, item) });
    });
    // What does not outlive the process has no other one to share it with.
    this.lease = source.durable ? new SqlExecutorLease(this.database) : undefined;
  }

  async init(): Promise<void> {
    await this.db();
  }

  close(): Promise<void> {
    return this.database.close();
  }

  async create(
    execution: ExecutionRecord,
    { dueMs }: { readonly dueMs?: number } = {},
  ): Promise<{ execution: ExecutionRecord; created: boolean }> {
    const row = toRow(execution);
    // Two that insert the same key at once: one is undone, begins again and finds the other.
    return this.transactions.run((trx, flavour) => create(trx, flavour, execution, row, dueMs));
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
    const { kysely, flavour } = await this.database.get();
    const [row] = await rowsOf(kysely, flavour, storedId(id));
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
    return { items, nextCursor: (found.length > page.length && last) || null };
  }

  async claim(id: string, claim: ExecutionClaim): Promise<ExecutionLedger | undefined> {
    const isOurs = await this.transactions.run((trx, flavour) => claimed(trx, flavour, storedId(id), claim));
    return isOurs ? this.ledgerOf(id, claim) : undefined;
  }

  async reopen(id: string, claim: ExecutionClaim, forget: readonly string[]): Promise<ExecutionLedger | undefined> {
    const reopened = await this.transactions.run(async (trx, flavour) => {
      if (!(await claimed(trx, flavour, storedId(id), claim))) return false;
      for (const table of [NODES, ITEMS] as const)
        await trx.deleteFrom(table).where('execution_id', '=', id).where('node', 'in', forget).execute();
      return true;
    });
    return reopened ? this.ledgerOf(id, claim) : undefined;
  }

  async checkpoint(lease: ExecutionLease, node: NodeRecord): Promise<boolean> {
    const { status, optional } = node;
    const acquits = status !== 'failed' || optional;
    const id = storedId(lease.id);
    return this.checkpoints.add({ lease: { ...lease, id }, acquits, row: toNodeRow(id, node) });
  }

  async finish(lease: ExecutionLease, end: ExecutionEnd): Promise<boolean> {
    return this.ends.add({ lease: { ...lease, id: storedId(lease.id) }, change: changeOf(end) });
  }

  async cancel(id: string, { finishedAt }: { readonly finishedAt: number }): Promise<boolean> {
    return this.transactions.run((trx, flavour) => cancel(trx, flavour, storedId(id), finishedAt));
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
    return prune(this.transactions, finishedBefore, limit);
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

  /** As it was claimed, unless somebody has it already who claimed it since. */
  private async ledgerOf(id: string, { owner }: ExecutionClaim): Promise<ExecutionLedger | undefined> {
    const ledger = await this.get(id);
    return ledger?.owner === owner ? ledger : undefined;
  }

  private grouped<Item, Result>(
    commit: (trx: Trx, flavour: Flavour, group: readonly Item[]) => Promise<Result[]>,
    rowOf: (item: Item) => object,
  ): GroupCommit<Item, Result> {
    const limits = { items: MAX_GROUP, bytes: () => this.database.groupBytes };
    return new GroupCommit<Item, Result>(
      async (group) => {
        const database = await this.database.get();
        return transact(database, (trx) => commit(trx, database.flavour, group).catch(ItemRefused.rethrow));
      },
      { ...limits, bytesOf: (item) => rowBytes(rowOf(item)) },
    );
  }

  private async db(): Promise<Kysely<ExecutionSchema>> {
    return (await this.database.get()).kysely;
  }
}
