import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { HealthModule, HealthRegistry } from '@nest-resilience/core/health';
import { mysqlExecutionStore, mysqlStore, postgresExecutionStore, postgresStore } from '@nest-resilience/store-sql';
import { workflow, WorkflowModule, type WorkflowModuleOptions, WorkflowService } from '@nest-resilience/workflow';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import mysql from 'mysql2/promise';
import pg from 'pg';
import request from 'supertest';
import { freeze, thaw } from '../servers/freeze.js';
import { findMysql, startMysql } from '../servers/mysql.server.js';
import { freePort } from '../servers/port.js';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';

interface Kind {
  readonly start: () => Promise<DatabaseServer>;
  readonly stores: (
    url: string,
  ) => Pick<WorkflowModuleOptions, 'store'> & { deadLetters: ReturnType<typeof postgresStore> };
  /** As an administrator, in the server itself. */
  readonly execute: (url: string, ...statements: (string | (() => Promise<unknown>))[]) => Promise<void>;
  /** Takes, and gives back, what a process has that migrates. */
  readonly lock: readonly [take: string, release: string];
  /** Resolves with the address of an account for which it counts. */
  readonly readOnly: (url: string, on: boolean) => Promise<string>;
}

const POSTGRES: Kind = {
  lock: ['select pg_advisory_lock(7130114051)', 'select pg_advisory_unlock(7130114051)'],
  start: () => startPostgres(),
  stores: (url) => ({ store: postgresExecutionStore({ url }), deadLetters: postgresStore({ url }) }),
  async execute(url, ...statements) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (const statement of statements) await (typeof statement === 'string' ? client.query(statement) : statement());
    await client.end();
  },
  async readOnly(url, on) {
    await POSTGRES.execute(
      url,
      'set default_transaction_read_only = off',
      `alter database postgres set default_transaction_read_only = ${on ? 'on' : 'off'}`,
    );
    return url;
  },
};

const MARIADB = (program: string): Kind => ({
  lock: [
    "select get_lock(concat('nest-resilience-', md5(database())), 0)",
    "select release_lock(concat('nest-resilience-', md5(database())))",
  ],
  start: () => startMysql(program),
  stores: (url) => ({ store: mysqlExecutionStore({ url }), deadLetters: mysqlStore({ url }) }),
  async execute(url, ...statements) {
    const client = await mysql.createConnection(url);
    for (const statement of statements) await (typeof statement === 'string' ? client.query(statement) : statement());
    await client.end();
  },
  async readOnly(url, on) {
    // The administrator may write all the same.
    await MARIADB(program).execute(
      url,
      "create user if not exists 'app'@'127.0.0.1'",
      "grant all on mysql.* to 'app'@'127.0.0.1'",
      `set global read_only = ${on ? 'on' : 'off'}`,
    );
    return url.replace('root@', 'app@');
  },
});

const found = findMysql();
const kinds: [string, Kind][] = [['PostgreSQL', POSTGRES]];
if (found && 'program' in found) kinds.push(['MariaDB', MARIADB(found.program)]);
else process.stderr.write('\nSKIPPED: a MariaDB that is away was NOT tested. Install it.\n\n');

const double = workflow('double').node('twice', { transform: '$.input.n * 2' });

describe.each(kinds)('an application whose %s', (name, kind) => {
  let server: DatabaseServer;
  let directory: string;
  let app: INestApplication<Server> | undefined;

  beforeAll(async () => {
    server = await kind.start();
  });

  afterEach(async () => {
    thaw(server.process);
    await app?.close();
    app = undefined;
    rmSync(directory, { recursive: true, force: true });
  });

  afterAll(() => server.stop());

  async function boot(url: string, options: Partial<WorkflowModuleOptions> = {}): Promise<INestApplication<Server>> {
    directory = mkdtempSync(join(tmpdir(), 'server-away-'));
    const { store, deadLetters } = kind.stores(url);
    const module = await Test.createTestingModule({
      imports: [
        ResilienceModule.forRoot({ deadLetter: { store: deadLetters, spillDirectory: join(directory, 'spill') } }),
        HealthModule.forRoot({ store: true, eventLoop: false }),
        WorkflowModule.forRoot({ store: store!, definitions: [double], http: 'open', ...options }),
      ],
    }).compile();
    app = module.createNestApplication({ logger: false });
    return app.init();
  }

  const submit = (n = 21) => request(app!.getHttpServer()).post('/workflows/double/executions?wait=30s').send({ n });
  const health = () => app!.get(HealthRegistry).summary();
  const until = async (met: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const accepted = async (): Promise<boolean> => (await submit()).status === 200;

  it('is not there when it starts begins without it, says so, and takes up by itself', async () => {
    await server.crash();

    await boot(server.url);
    await until(() => health().status === 'degraded');
    const refused = await submit();

    expect([refused.status, refused.body.code]).toEqual([503, 'RESILIENCE_STORE_UNAVAILABLE']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(health().reasons.join()).toContain('the ledger fails');

    await server.start();
    await until(accepted);
    await until(() => health().status === 'ok');
  });

  it('stands still when it starts begins without it, and takes up by itself', async () => {
    freeze(server.process);

    await boot(server.url);
    const refused = await submit();
    await until(() => health().status === 'degraded');

    expect([refused.status, refused.body.code]).toEqual([503, 'RESILIENCE_STORE_UNAVAILABLE']);

    thaw(server.process);
    await until(accepted);
    await until(() => health().status === 'ok');
  });

  it('may only be read begins with its tables or without them, and takes up when it may be written', async () => {
    for (const prepared of [true, false]) {
      if (!prepared) await dropTables();
      const url = await kind.readOnly(server.url, true);

      await boot(url);
      const refused = await submit();
      await until(() => health().status === 'degraded');

      expect([refused.status, refused.body.code]).toEqual([503, 'RESILIENCE_STORE_UNAVAILABLE']);

      await kind.readOnly(server.url, false);
      if (name === 'PostgreSQL')
        await kind.execute(server.url, 'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and application_name = \'nest-resilience\''); // prettier-ignore
      await until(accepted);
      await app!.close();
      app = undefined;
    }
  });

  it('has tables of a newer release does not begin, nor with a wrong account or an unknown database', async () => {
    await boot(server.url);
    await submit().expect(200);
    await app!.close();
    app = undefined;
    await kind.execute(server.url, "insert into resilience_migrations values ('executions', 99, 'later')");

    await expect(boot(server.url)).rejects.toThrow(/at version 99, this release knows \d: update/);

    await kind.execute(server.url, 'delete from resilience_migrations where version = 99');
    const wrong = (change: (url: URL) => void): string => {
      const url = new URL(server.url);
      change(url);
      return url.href;
    };
    await expect(boot(wrong((url) => (url.username = 'nobody')))).rejects.toThrow(/nobody/);
    await expect(boot(wrong((url) => (url.pathname = '/no_such_database')))).rejects.toThrow(/no_such_database/);
  });

  it('has lost the rows of its migrations begins all the same', async () => {
    await boot(server.url);
    await submit().expect(200);
    await app!.close();
    await kind.execute(server.url, 'delete from resilience_migrations');

    await boot(server.url);

    await submit().expect(200);
  });

  it('stands still refuses in time, with 503 and when to come again; what arrived late runs, and nothing is left behind', async () => {
    await boot(server.url, { storeTimeout: '1s' });
    await submit().expect(200);
    freeze(server.process);
    const until6s = performance.now() + 6_000;
    const answers: { ms: number; status: number; retryAfter: unknown }[] = [];
    let notOkAfterMs: number | undefined;
    const frozenAt = performance.now();
    const submitters = Array.from({ length: 10 }, async () => {
      while (performance.now() < until6s) {
        const at = performance.now();
        const { status, headers } = await submit();
        answers.push({ ms: performance.now() - at, status, retryAfter: headers['retry-after'] });
        if (notOkAfterMs === undefined && health().status !== 'ok') notOkAfterMs = performance.now() - frozenAt;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    await Promise.all(submitters);

    expect(answers.length).toBeGreaterThan(10);
    expect([...new Set(answers.map(({ status }) => status))]).toEqual([503]);
    expect(answers.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true);
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(3_000);
    expect(notOkAfterMs).toBeLessThan(3_000);

    thaw(server.process);
    await until(accepted);
    await until(async () => {
      const { items } = await app!.get(WorkflowService).list({ limit: 500 });
      return items.every(({ status }) => status === 'succeeded');
    });
    await until(() => health().status === 'ok');
  });

  it('is what it is there for is down meanwhile, where that was said', async () => {
    await boot(server.url, { storeCritical: true, storeTimeout: '500ms' });
    await until(accepted);
    freeze(server.process);

    await submit().expect(503);
    await until(() => health().status === 'error');

    thaw(server.process);
    await until(() => health().status === 'ok');
    await until(accepted);
  });

  it('is being migrated by another process for long waits beside the application, longer than a statement may take', async () => {
    await dropTables();
    const [take, release] = kind.lock;
    let taken: () => void = () => undefined;
    const isTaken = new Promise<void>((resolve) => (taken = resolve));
    const hold = (): Promise<void> => (taken(), new Promise((resolve) => setTimeout(resolve, 12_000)));
    const held = kind.execute(server.url, take, hold, release);
    await isTaken;

    await boot(server.url);
    await submit().expect(503);
    await held;
    await until(accepted);
  });

  it('is what nobody listens at where it should be begins and ends in order', async () => {
    const url = new URL(server.url);
    url.port = String(await freePort());

    await boot(url.href);
    await submit().expect(503);

    await app!.close();
    app = undefined;
  });

  async function dropTables(): Promise<void> {
    const tables = [
      'dead_letters',
      'migrations',
      'executions',
      'execution_nodes',
      'leases',
      'workflow_versions',
      'replicas',
    ];
    await kind.execute(server.url, ...tables.map((table) => `drop table if exists resilience_${table}`));
  }
});
