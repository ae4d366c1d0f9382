import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { DeadLetterStore } from '@nest-resilience/core';
import { deadLetterRecord, describeDeadLetterStore } from '@nest-resilience/core/testing';
import { describeExecutionStore } from '@nest-resilience/workflow/testing';
import pg from 'pg';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';
import { describeSharedStore } from './shared-store.contract.js';
import { postgresBudgetStore, postgresExecutionStore, postgresStore } from '@nest-resilience/store-sql';

let server: DatabaseServer;
let pool: pg.Pool;

beforeAll(async () => {
  server = await startPostgres();
  pool = new pg.Pool({ connectionString: server.url });
  // The server says goodbye to connections that are just being closed.
  pool.on('error', () => undefined).on('connect', (client) => client.on('error', () => undefined));
});

afterAll(async () => {
  await pool?.end();
  await server?.stop();
});

async function empty(): Promise<void> {
  await pool.query(
    'drop table if exists resilience_dead_letters, resilience_migrations, resilience_executions, resilience_execution_nodes, resilience_execution_items, ' +
      'resilience_leases, resilience_workflow_totals, resilience_workflow_versions, resilience_replicas, resilience_budget_sums',
  );
}

const opened: DeadLetterStore[] = [];

function open(options: Parameters<typeof postgresStore>[0]): DeadLetterStore {
  const store = postgresStore(options);
  opened.push(store);
  return store;
}

async function closeAll(): Promise<void> {
  for (const store of opened.splice(0)) await store.close?.();
}

describeDeadLetterStore(
  'postgresStore',
  { describe, it },
  {
    open: async () => {
      await empty();
      return open({ url: server.url, leaseClock: 'caller' });
    },
    // Another pool, as another replica has one.
    reopen: () => open({ url: `${server.url}?application_name=other`, leaseClock: 'caller' }),
    close: closeAll,
  },
);

describeExecutionStore(
  'postgresExecutionStore',
  { describe, it },
  {
    open: async () => {
      await empty();
      return postgresExecutionStore({ url: server.url });
    },
  },
);

describeSharedStore('postgresStore', {
  empty,
  open: (replica) => open({ url: `${server.url}?application_name=replica-${replica}` }),
  closeAll,
  executions: (replica) => postgresExecutionStore({ url: `${server.url}?application_name=replica-${replica}` }),
  budgets: (replica) => postgresBudgetStore({ url: `${server.url}?application_name=replica-${replica}` }),
  migrations: async () => {
    const { rows } = await pool.query<{ component: string; version: number }>(
      'select component, version from resilience_migrations order by component',
    );
    return rows;
  },
});

describe('postgresStore', () => {
  afterEach(closeAll);

  it('uses a pool that is there already, and leaves it open', async () => {
    await empty();
    const store = open({ pool });
    const record = deadLetterRecord();
    await store.add(record);

    await store.close?.();

    expect(store.name).toBe('postgres (pool)');
    const { rows } = await pool.query<{ id: string }>('select id from resilience_dead_letters');
    expect(rows).toEqual([{ id: record.id }]);
  });

  it.each([{}, { url: 'postgres://x/y', pool: {} as never }])('wants either a url or a pool (%j)', (options) => {
    expect(() => postgresStore(options)).toThrow(/either a `url` .* or a `pool` of pg/);
  });

  it('names host and database, but no password', () => {
    expect(postgresStore({ url: 'postgres://app:hunter2@db.example:5433/app' }).name).toBe(
      'postgres (db.example:5433/app)',
    );
  });

  it('says of a server that is starting that it passes, and of a wrong password that it does not', async () => {
    const refusing = (code: string) =>
      open({
        pool: { connect: () => Promise.reject(Object.assign(new Error('no'), { code })), end: async () => undefined },
      });

    await expect(refusing('57P03').init?.()).rejects.toMatchObject({
      ...{ message: 'postgres (pool) is not ready: no', isRetryable: true, cause: { code: '57P03' } },
    });
    await expect(refusing('28P01').init?.()).rejects.not.toHaveProperty('isRetryable');
  });

  it('keeps what PostgreSQL cannot: a NUL in a message', async () => {
    await empty();
    const store = open({ url: server.url });
    const record = deadLetterRecord({ error: { name: 'Error', message: 'a\0b' }, note: 'c\0d' });

    await store.add(record);

    expect(await store.get(record.id)).toEqual({ ...record, note: 'c\ufffdd' });
  });

  it.each([
    ['FATAL', '57P01', true],
    ['FATAL', '53300', true],
    ['SCHWERWIEGEND', '57P01', true],
    ['ERROR', '42P01', false],
  ])('gives a connection back after an error %s %s, to be thrown away: %s', async (severity, code, thrownAway) => {
    const released: boolean[] = [];
    const client = {
      query: () => Promise.reject(Object.assign(new Error('terminating connection'), { severity, code })),
      release: (destroy: boolean) => void released.push(destroy),
    };
    const store = open({ pool: { connect: async () => client as never, end: async () => undefined } });

    await store.init?.().catch(() => undefined);

    expect(released).toEqual([thrownAway]);
  });

  it('answers again after the server has ended its connections', async () => {
    await empty();
    const store = open({ url: server.url });
    await store.add(deadLetterRecord());

    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'nest-resilience'",
    );
    await store.add(deadLetterRecord()).catch(() => undefined);

    await expect(store.add(deadLetterRecord())).resolves.toMatchObject({ outcome: 'added' });
  });
});
