import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { postgresStore, sqliteStore } from '@nest-resilience/store-sql';
import { startPostgres } from '../servers/postgres.server.js';
import { requireBuilt } from './built.js';

const REPLICAS = [0, 1, 2, 3, 4, 5, 6, 7];
const children: ChildProcess[] = [];

beforeAll(() => requireBuilt('resilience', 'store-sql'));

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function startAll(file: string, url: string): Promise<(number | null)[]> {
  for (const replica of REPLICAS) {
    const script = new URL('./children/dead-letter-starter.mjs', import.meta.url);
    children.push(fork(script, [file, url, String(replica)], { execArgv: [] }));
  }
  const exits = children.map((child) => once(child, 'exit') as Promise<[number | null]>);
  await Promise.all(children.map((child) => once(child, 'spawn')));
  for (const child of children) child.send('go');
  return (await Promise.all(exits)).map(([code]) => code);
}

describe('eight processes that start at once on an empty database', () => {
  it('make its tables once, in one SQLite file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dead-letter-start-'));
    const file = join(directory, 'shared.db');

    const codes = await startAll(file, '-');

    const store = sqliteStore({ file });
    expect(codes).toEqual(REPLICAS.map(() => 0));
    expect(await store.count()).toMatchObject([{ count: 8 }]);
    await store.close?.();
    rmSync(directory, { recursive: true, force: true });
  });

  it('make its tables once, in PostgreSQL', async () => {
    const server = await startPostgres();
    const store = postgresStore({ url: server.url });
    try {
      const codes = await startAll('-', server.url);

      expect(codes).toEqual(REPLICAS.map(() => 0));
      expect(await store.count()).toMatchObject([{ count: 8 }]);
    } finally {
      await store.close?.();
      await server.stop();
    }
  });
});
