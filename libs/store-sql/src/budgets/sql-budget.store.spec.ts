import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import { openSqlite } from '../sqlite/sqlite.connection.js';
import { sqliteBudgetStore, sqliteStore } from '../stores.js';
import type { BudgetSchema } from './budget.schema.js';

const directory = mkdtempSync(join(tmpdir(), 'budgets-'));
let files = 0;
const newFile = (): string => join(directory, `${++files}.db`);

afterEach(() => void jest.restoreAllMocks());
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the SQLite store of budgets', () => {
  it('adds up, each key for itself, and takes back what was not spent', async () => {
    const store = sqliteBudgetStore({ file: newFile() });

    expect(await store.add('a', 0.25, 1000)).toBe(0.25);
    expect(await store.add('b', 3, 1000)).toBe(3);
    expect(await store.add('a', -0.125, 1000)).toBe(0.125);
    const many = await Promise.all(Array.from({ length: 50 }, () => store.add('c', 1, 1000)));
    expect(Math.max(...many)).toBe(50);
    await store.onModuleDestroy();
  });

  it('goes on where it was when the next process opens its file, beside the dead letters', async () => {
    const file = newFile();
    const letters = sqliteStore({ file });
    await letters.init?.();
    const first = sqliteBudgetStore({ file });
    await first.add('day', 7, 60_000);
    await first.onModuleDestroy();
    await letters.close?.();

    const second = sqliteBudgetStore({ file });

    expect(await second.add('day', 1, 60_000)).toBe(8);
    await second.onModuleDestroy();
  });

  it('tells keys apart however long they are', async () => {
    const store = sqliteBudgetStore({ file: newFile() });
    const long = 'x'.repeat(5000);

    await store.add(`${long}1`, 1, 1000);

    expect(await store.add(`${long}2`, 1, 1000)).toBe(1);
    expect(await store.add(`${long}1`, 1, 1000)).toBe(2);
    await store.onModuleDestroy();
  });

  it('forgets what nobody asks for any more', async () => {
    const file = newFile();
    const store = sqliteBudgetStore({ file });
    await store.add('old', 1, 1000);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 2 * 3_600_000);

    await store.add('new', 1, 1000);

    const { kysely, close } = openSqlite<BudgetSchema>({ file });
    expect(await kysely.selectFrom('resilience_budget_sums').select('name').execute()).toEqual([{ name: 'new' }]);
    await close();
    await store.onModuleDestroy();
  });

  it('is closed for calls that end late', async () => {
    const store = sqliteBudgetStore({ file: newFile() });
    await store.add('a', 1, 1000);
    await store.onModuleDestroy();

    await expect(store.add('a', 1, 1000)).rejects.toThrow('The store of budgets is closed');
  });
});
