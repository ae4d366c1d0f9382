import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { DeadLetterStore } from '@nest-resilience/core';
import { deadLetterRecord, describeDeadLetterStore } from '@nest-resilience/core/testing';
import { describeExecutionStore } from '@nest-resilience/workflow/testing';
import mysql from 'mysql2/promise';
import { findMysql, startMysql } from '../servers/mysql.server.js';
import type { DatabaseServer } from '../servers/postgres.server.js';
import { describeSharedStore } from './shared-store.contract.js';
import { mysqlBudgetStore, mysqlExecutionStore, mysqlStore } from '@nest-resilience/store-sql';

const DATABASE = 'nest_resilience_test';
const found = findMysql();
if (!found) {
  process.stderr.write(
    '\nSKIPPED: mysqlStore was NOT tested. Install MariaDB (apt-get install mariadb-server) or set MYSQL_URL to a server ' +
      `on which this suite may drop and make the database ${DATABASE}.\n\n`,
  );
}

let server: Pick<DatabaseServer, 'url' | 'stop'> | undefined;
let pool: mysql.Pool;

const urlOf = (parameters = ''): string => {
  const url = new URL(server!.url);
  url.pathname = `/${DATABASE}`;
  url.search = parameters;
  return url.href;
};
/** Each parameter makes another pool; mysql2 knows this one, and by default it has this value. */
const replicaUrl = (replica: number): string => urlOf(`?maxIdle=${10 + replica}`);

const suite = found ? describe : describe.skip;

suite('a MySQL or MariaDB server', () => {
  beforeAll(async () => {
    if (!found) return;
    server = 'url' in found ? { url: found.url, stop: () => Promise.resolve() } : await startMysql(found.program);
    const connection = await mysql.createConnection(server.url);
    await connection.query(`drop database if exists ${DATABASE}`);
    await connection.query(`create database ${DATABASE}`);
    await connection.end();
    pool = mysql.createPool(urlOf());
  });

  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  const opened: DeadLetterStore[] = [];

  function open(options: Parameters<typeof mysqlStore>[0]): DeadLetterStore {
    const store = mysqlStore(options);
    opened.push(store);
    return store;
  }

  async function empty(): Promise<void> {
    await pool.query(
      'drop table if exists resilience_dead_letters, resilience_migrations, resilience_executions, resilience_execution_nodes, resilience_execution_items, ' +
        'resilience_leases, resilience_workflow_totals, resilience_workflow_versions, resilience_replicas, resilience_budget_sums',
    );
  }

  async function closeAll(): Promise<void> {
    for (const store of opened.splice(0)) await store.close?.();
  }

  describeDeadLetterStore(
    'mysqlStore',
    { describe, it },
    {
      open: async () => {
        await empty();
        return open({ url: urlOf(), leaseClock: 'caller' });
      },
      // Another pool, as another replica has one.
      reopen: () => open({ url: replicaUrl(1), leaseClock: 'caller' }),
      close: closeAll,
    },
  );

  describeExecutionStore(
    'mysqlExecutionStore',
    { describe, it },
    {
      open: async () => {
        await empty();
        return mysqlExecutionStore({ url: urlOf() });
      },
    },
  );

  describeSharedStore('mysqlStore', {
    empty,
    open: (replica) => open({ url: replicaUrl(replica) }),
    closeAll,
    executions: (replica) => mysqlExecutionStore({ url: replicaUrl(replica) }),
    budgets: (replica) => mysqlBudgetStore({ url: replicaUrl(replica) }),
    migrations: async () => {
      const [rows] = await pool.query<mysql.RowDataPacket[]>(
        'select component, version from resilience_migrations order by component',
      );
      return rows as { component: string; version: number }[];
    },
  });

  describe('mysqlStore', () => {
    afterEach(closeAll);

    it('uses a pool of mysql2/promise that is there already, and leaves it open', async () => {
      await empty();
      const store = open({ pool });
      const record = deadLetterRecord({ note: 'Größe 📦' });
      await store.add(record);

      expect(await store.get(record.id)).toEqual(record);
      await store.close?.();

      const [rows] = await pool.query<mysql.RowDataPacket[]>('select id from resilience_dead_letters');
      expect(rows).toEqual([{ id: record.id }]);
    });

    describe('where the server has a mode of its own', () => {
      const HOSTILE = "orders' or 1=1 -- ";
      let usual: unknown;

      const setGlobally = (mode: unknown) => pool.query('set global sql_mode = ?', [mode]);

      beforeAll(async () => {
        const [rows] = await pool.query<mysql.RowDataPacket[]>('select @@global.sql_mode as mode');
        usual = rows[0]?.['mode'];
      });

      afterEach(async () => {
        await closeAll();
        await setGlobally(usual);
      });

      it.each(['NO_BACKSLASH_ESCAPES', 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES', '', 'ORACLE', 'ANSI', 'TRADITIONAL'])(
        'reads no value as SQL and cuts none (%j)',
        async (mode) => {
          await empty();
          await setGlobally(mode);
          const store = open({ url: replicaUrl(7) });
          const record = deadLetterRecord({ queue: HOSTILE, note: 'it\'s \\\' -- "quoted"' });

          await store.add(record);
          await store.add(deadLetterRecord({ queue: 'orders' }));

          expect(await store.get(record.id)).toEqual(record);
          expect((await store.list({ queue: HOSTILE })).items.map(({ id }) => id)).toEqual([record.id]);
          expect(await store.purge({ queue: "nothing' or 1=1 -- " })).toBe(0);
          expect(await store.purge({ queue: HOSTILE })).toBe(1);
          await expect(store.add(deadLetterRecord({ id: 'x'.repeat(80) }))).rejects.toThrow();
        },
      );

      it.each(['STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES', ''])(
        'refuses a pool of the application in mode %j',
        async (mode) => {
          await setGlobally(mode);
          const own = mysql.createPool(replicaUrl(8));

          await expect(open({ pool: own }).init?.()).rejects.toThrow(
            /cannot use this pool: its sql_mode is .*STRICT_ALL_TABLES/,
          );

          await own.end();
        },
      );
    });

    it('can be started again after a crash in the middle of its migration', async () => {
      await empty();
      await open({ url: urlOf() }).init?.();
      await closeAll();
      await pool.query('delete from resilience_migrations');

      await expect(open({ url: urlOf() }).init?.()).resolves.toBeUndefined();
    });
  });
});

describe('mysqlStore', () => {
  it.each([{}, { url: 'mysql://x/y', pool: {} as never }])('wants either a url or a pool (%j)', (options) => {
    expect(() => mysqlStore(options)).toThrow(/either a `url` .* or a `pool` of mysql2/);
  });

  it('names host and database, but no password', () => {
    expect(mysqlStore({ url: 'mysql://app:hunter2@db.example/app' }).name).toBe('mysql (db.example/app)');
  });
});
