import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Kysely, sql } from 'kysely';
import { sqliteSource } from '../sqlite/sqlite.connection.js';
import { compiledOnce } from './compiled.js';
import { LazyDatabase } from './database.js';
import { Transactions } from './transactions.js';

interface Schema {
  numbers: { n: number };
}

const steps = [{ version: 1, statements: () => ['create table numbers (n integer primary key not null)'] }];
let database: LazyDatabase<Schema>;
let transactions: Transactions<Schema>;

beforeEach(() => {
  database = new LazyDatabase<Schema>(sqliteSource({ file: ':memory:' }), 'numbers', steps);
  transactions = new Transactions(database);
});

afterEach(() => database.close());

const kept = async (): Promise<number[]> => {
  const rows = await (await database.get()).kysely.selectFrom('numbers').select('n').orderBy('n').execute();
  return rows.map(({ n }) => n);
};

const add = (n: number) => transactions.run((trx) => trx.insertInto('numbers').values({ n }).execute());

describe('transactions of SQLite', () => {
  it('are shared by those that come at once, in their order', async () => {
    const seen: number[] = [];
    const works = Array.from({ length: 5 }, (_, n) =>
      transactions.run(async (trx) => {
        await trx.insertInto('numbers').values({ n }).execute();
        const { rows } = await sql<{ total: number }>`select count(*) as total from numbers`.execute(trx);
        seen.push(rows[0]?.total ?? 0);
        return n * 10;
      }),
    );

    expect(await Promise.all(works)).toEqual([0, 10, 20, 30, 40]);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('fail alone: what came with them is kept, and what they did is undone', async () => {
    const broken = transactions.run(async (trx) => {
      await trx.insertInto('numbers').values({ n: 7 }).execute();
      throw new Error('thought better of it');
    });
    const all = await Promise.allSettled([add(1), broken, add(2), add(1), add(3)]);

    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
    await expect(broken).rejects.toThrow('thought better of it');
    expect(await kept()).toEqual([1, 2, 3]);
  });
});

describe('a query that is compiled once', () => {
  it('takes the values of each call, and builds its text for the first alone', async () => {
    let built = 0;
    const between = compiledOnce((db: Kysely<Schema>, _flavour, from: number, to: number) => {
      built++;
      return db
        .selectFrom('numbers')
        .select('n')
        .where('n', '<', to)
        .where('n', '>=', from)
        .where('n', '!=', 4)
        .orderBy('n');
    });
    for (let n = 0; n < 8; n++) await add(n);
    const { kysely } = await database.get();

    expect(await between(kysely, 'sqlite', 3, 6)).toEqual([{ n: 3 }, { n: 5 }]);
    expect(await between(kysely, 'sqlite', 0, 2)).toEqual([{ n: 0 }, { n: 1 }]);
    expect(built).toBe(1);
  });
});
