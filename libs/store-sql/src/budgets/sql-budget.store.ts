import { createHash } from 'node:crypto';
import { MAX_STORED_NAME } from '@nest-resilience/core';
import { sql, type Transaction } from 'kysely';
import { type DatabaseSource, LazyDatabase } from '../database/database.js';
import type { Flavour } from '../database/flavour.js';
import { Transactions } from '../database/transactions.js';
import { BUDGET_MIGRATIONS, type BudgetSchema, SUMS } from './budget.schema.js';

/** Milliseconds. Sums that nobody needs any more are taken away this often. */
const SWEEP_MS = 3_600_000;

/** Sums of money that all replicas add to, and that outlive them. */
export interface BudgetStore {
  /**
   * @param key of one budget in one of its periods
   * @param usd US dollars; may be negative
   * @param ttlMs how long the sum is needed
   * @returns the sum
   */
  add(key: string, usd: number, ttlMs: number): Promise<number>;
  /** Closed by Nest when the application ends, where it is a provider. */
  onModuleDestroy(): Promise<void>;
}

/** Budgets in any of the databases. */
export class SqlBudgetStore implements BudgetStore {
  private readonly database: LazyDatabase<BudgetSchema>;
  private readonly transactions: Transactions<BudgetSchema>;
  private sweptAt = -Infinity;
  private closed = false;

  constructor(source: DatabaseSource) {
    this.database = new LazyDatabase(source, 'budgets', BUDGET_MIGRATIONS);
    this.transactions = new Transactions(this.database);
  }

  async add(key: string, usd: number, ttlMs: number): Promise<number> {
    // A call that ends late must not open it again.
    if (this.closed) throw new Error('The store of budgets is closed');
    const name = key.length <= MAX_STORED_NAME ? key : createHash('sha256').update(key).digest('hex');
    const now = Date.now();
    const isDue = now - this.sweptAt > SWEEP_MS;
    if (isDue) this.sweptAt = now;
    return this.transactions.run(async (trx, flavour) => {
      if (isDue) await trx.deleteFrom(SUMS).where('kept_until', '<', now).execute();
      await addTo(trx, flavour, { name, usd, kept_until: now + ttlMs });
      const { usd: sum } = await trx.selectFrom(SUMS).select('usd').where('name', '=', name).executeTakeFirstOrThrow();
      return Number(sum);
    });
  }

  onModuleDestroy(): Promise<void> {
    this.closed = true;
    return this.database.close();
  }
}

/** The row is this transaction's from here to its end. */
async function addTo(trx: Transaction<BudgetSchema>, flavour: Flavour, row: BudgetSchema[typeof SUMS]): Promise<void> {
  const insert = trx.insertInto(SUMS).values(row);
  const more = {
    usd: sql<number>`${sql.ref(`${SUMS}.usd`)} + ${row.usd}`,
    kept_until: row.kept_until,
  };
  await (
    flavour === 'mysql'
      ? insert.onDuplicateKeyUpdate(more)
      : insert.onConflict((conflict) => conflict.column('name').doUpdateSet(more))
  ).execute();
}
