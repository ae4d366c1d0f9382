import type { Transaction } from 'kysely';
import { type LazyDatabase, transact } from './database.js';
import type { Flavour } from './flavour.js';
import { GroupCommit, ItemRefused } from './group-commit.js';

/** What runs in a transaction. It may be run again, so it has no effects elsewhere. */
export type Work<Schema, T> = (trx: Transaction<Schema>, flavour: Flavour) => Promise<T>;

/** The whole process waits for SQLite, so that not many share a transaction. */
const MAX_SHARED = 32;

/** Transactions of a store. In SQLite, where one writes at a time, those that come at once share one, and so the wait for the disk. */
export class Transactions<Schema> {
  private readonly shared = new GroupCommit((works: readonly Work<Schema, unknown>[]) => this.runAll(works), {
    items: MAX_SHARED,
    bytes: () => Infinity,
    bytesOf: () => 0,
  });

  constructor(private readonly database: LazyDatabase<Schema>) {}

  async run<T>(work: Work<Schema, T>): Promise<T> {
    const database = await this.database.get();
    if (database.flavour === 'sqlite') return (await this.shared.add(work)) as T;
    return transact(database, (trx) => work(trx, database.flavour));
  }

  private async runAll(works: readonly Work<Schema, unknown>[]): Promise<unknown[]> {
    const database = await this.database.get();
    return transact(database, async (trx) => {
      const results: unknown[] = [];
      for (const work of works) results.push(await work(trx, database.flavour).catch(ItemRefused.rethrow));
      return results;
    });
  }
}
