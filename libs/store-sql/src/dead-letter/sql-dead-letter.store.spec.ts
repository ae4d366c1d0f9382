import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fork } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import type { DeadLetterStore } from '@nest-resilience/core';
import { deadLetterRecord, describeDeadLetterStore } from '@nest-resilience/core/testing';
import { openSqlite } from '../sqlite/sqlite.connection.js';
import { DEAD_LETTER_MIGRATIONS, type DeadLetterSchema } from './dead-letter.schema.js';
import { whereFilter } from './dead-letter.where.js';
import { sqliteStore } from '../stores.js';

let directory: string;
let file: string;
const opened: DeadLetterStore[] = [];

function open(path = file): DeadLetterStore {
  const store = sqliteStore({ file: path });
  opened.push(store);
  return store;
}

function makeDirectory(): void {
  directory = mkdtempSync(join(tmpdir(), 'dead-letters-'));
  file = join(directory, 'dead-letters.db');
}

async function cleanUp(): Promise<void> {
  for (const store of opened.splice(0)) await store.close?.();
  rmSync(directory, { recursive: true, force: true });
}

describeDeadLetterStore(
  'sqliteStore on a file',
  { describe, it },
  {
    open: () => {
      makeDirectory();
      return open();
    },
    reopen: () => open(),
    close: cleanUp,
  },
);

describeDeadLetterStore(
  'sqliteStore in memory',
  { describe, it },
  {
    open: () => {
      makeDirectory();
      return open(':memory:');
    },
    close: cleanUp,
  },
);

describe('sqliteStore', () => {
  beforeEach(makeDirectory);
  afterEach(cleanUp);

  it('touches no disk until it is used, then makes the directory', async () => {
    const nested = join(directory, 'not', 'there', 'yet.db');
    const store = open(nested);
    expect(existsSync(join(directory, 'not'))).toBe(false);

    await store.init?.();

    expect(existsSync(nested)).toBe(true);
  });

  it('finds everything again after it was closed', async () => {
    const record = deadLetterRecord();
    const store = open();
    await store.add(record);
    await store.close?.();

    expect(await open().get(record.id)).toEqual(record);
  });

  it('can be opened by many at once the first time', async () => {
    await Promise.all(Array.from({ length: 5 }, async () => open().init?.()));

    expect((await open().list({})).items).toEqual([]);
  });

  it('tries again after a failed opening', async () => {
    const blocked = join(directory, 'file');
    const other = open(blocked);
    await other.add(deadLetterRecord());
    const store = open(join(blocked, 'below.db'));

    await expect(store.list({})).rejects.toThrow();
    await other.close?.();
    rmSync(blocked);

    expect((await store.list({})).items).toEqual([]);
  });

  it('refuses a file that a newer release has written', async () => {
    const connection = openSqlite({ file });
    await connection.migrate('dead-letter', [...DEAD_LETTER_MIGRATIONS, { version: 99, statements: () => [] }]);

    await expect(open().list({})).rejects.toThrow(/at version 99, this release knows 1: update/);

    await connection.close();
  });

  it.each([
    [{ queue: 'a' }],
    [{ queue: 'a', status: 'pending' as const }],
    [{ status: 'pending' as const }],
    [{ target: 'A.b' }],
    [{ errorName: 'E' }],
    [{ from: 1, to: 2 }],
  ])('has an index for %j', async (filter) => {
    await open().init?.();
    const connection = openSqlite<DeadLetterSchema>({ file });

    const plan = await connection.kysely
      .selectFrom('resilience_dead_letters')
      .selectAll()
      .where(whereFilter(filter, 'sqlite'))
      .explain<{ detail: string }>(undefined, sql`query plan`);

    await connection.close();
    expect(plan.map(({ detail }) => detail).join()).toMatch(/SEARCH .* USING (COVERING )?INDEX/);
  });

  it.each([
    ['queue', { queue: 'a' }],
    ['count', { queue: 'a', status: 'pending' as const }],
    ['status', { status: 'pending' as const }],
    ['target', { target: 'A.b' }],
    ['error', { errorName: 'E' }],
  ])('reads a page in the order of the index %s', async (index, filter) => {
    await open().init?.();
    const connection = openSqlite<DeadLetterSchema>({ file });

    const plan = await connection.kysely
      .selectFrom('resilience_dead_letters')
      .selectAll()
      .where(whereFilter(filter, 'sqlite'))
      .where('id', '<', 'cursor')
      .orderBy('id', 'desc')
      .limit(51)
      .explain<{ detail: string }>(undefined, sql`query plan`);

    await connection.close();
    const details = plan.map(({ detail }) => detail).join();
    expect(details).toContain(`USING INDEX resilience_dead_letters_${index} `);
    expect(details).not.toContain('TEMP B-TREE');
  });

  it('lets an entry that cannot be kept fail alone', async () => {
    const store = open();
    const bad = { ...deadLetterRecord(), args: undefined as never, queue: undefined as never };
    const good = Array.from({ length: 40 }, () => deadLetterRecord());

    const results = await Promise.allSettled([...good.slice(0, 20), bad, ...good.slice(20)].map((r) => store.add(r)));

    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect((await store.count())[0]?.count).toBe(40);
  });

  it('knows which of many it has already', async () => {
    const store = open();
    const records = Array.from({ length: 40 }, () => deadLetterRecord());
    for (const record of records.filter((_, i) => i % 3 === 0)) await store.add(record);

    const added = await Promise.all([...records, ...records].map((record) => store.add(record)));

    expect(added.map(({ outcome }) => outcome)).toEqual([
      ...records.map((_, i) => (i % 3 === 0 ? 'known' : 'added')),
      ...records.map(() => 'known'),
    ]);
  });

  it('removes by the ten thousand in short steps, the oldest first', async () => {
    const store = open();
    const closed = { status: 'resolved', closedAt: 5 } as const;
    const records = Array.from({ length: 3_000 }, () => deadLetterRecord(closed));
    await Promise.all(records.map((record) => store.add(record)));

    const report = await store.prune({ closedBefore: 0, maxEntriesPerQueue: 700 });

    expect(report).toEqual({ removed: 2_300, overCap: [] });
    expect((await store.list({ order: 'oldest', limit: 1 })).items[0]?.id).toBe(records[2_300]?.id);
    expect(await store.purge({ status: 'resolved' })).toBe(700);
  });

  it('purges only what still matches when its turn comes', async () => {
    const store = open();
    const record = deadLetterRecord();
    await store.add(record);

    const purging = store.purge({ status: 'pending' });
    const discarding = store.discard(record.id, { note: 'paid by hand', at: 1 });

    expect([await purging, await discarding]).toEqual([0, true]);
    expect(await store.get(record.id)).toMatchObject({ status: 'discarded', note: 'paid by hand' });
  });

  it('shares a file with another process, each waiting for the other', async () => {
    const store = open();
    await store.init?.();
    const child = fork(new URL('./sqlite-writer.fixture.mjs', import.meta.url), [file, '200'], { execArgv: [] });
    const exited = new Promise((resolve) => child.once('exit', resolve));

    const records = Array.from({ length: 200 }, () => deadLetterRecord({ idempotencyKey: String(Math.random()) }));
    for (const record of records) await store.add(record);

    expect(await exited).toBe(0);
    expect((await store.count())[0]?.count).toBe(200);
    const connection = openSqlite<{ noise: { n: number } }>({ file });
    const noise = await connection.kysely.selectFrom('noise').selectAll().execute();
    await connection.close();
    expect(noise).toHaveLength(200);
  });
});
