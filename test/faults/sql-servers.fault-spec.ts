import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DeadLetter, DeadLetterService, DeadLetterWriter, ResilienceModule } from '@nest-resilience/core';
import { HealthModule, HealthRegistry } from '@nest-resilience/core/health';
import { mysqlExecutionStore, mysqlStore, postgresExecutionStore, postgresStore } from '@nest-resilience/store-sql';
import { type StepContext, workflow, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';
import { type INestApplication, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { freeze, thaw } from '../servers/freeze.js';
import { findMysql, startMysql } from '../servers/mysql.server.js';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';

/** How long each fault lasts. */
const FAULT_MS = 1_000 * Number(process.env['SQL_FAULT_SECONDS'] ?? 15);
const SLOTS = Number(process.env['SQL_FAULT_SLOTS'] ?? 20);
const FAILURES_PER_SECOND = 20;
/** What a submission waits for the ledger, and what a busy machine adds. */
const SLOWEST_SUBMIT_MS = 2_000 + 1_000;

interface Session {
  query(statement: string): Promise<unknown>;
  end(): Promise<void>;
}

interface Kind {
  readonly start: () => Promise<DatabaseServer>;
  /** The address of the account that the application has: one that no limit spares. */
  readonly prepare: (url: string) => Promise<string>;
  readonly session: (url: string) => Promise<Session>;
  readonly stores: (url: string) => {
    ledger: ReturnType<typeof postgresExecutionStore>;
    deadLetters: ReturnType<typeof postgresStore>;
  };
  /** Ends the connections of the application. */
  readonly cut: (admin: Session) => Promise<unknown>;
  readonly lock: string;
  /** What an administrator says before and after a fault of settings. */
  readonly settings: Readonly<Record<'read-only' | 'in a hurry', readonly [on: string, off: string]>>;
}

const POSTGRES: Kind = {
  start: () => startPostgres('max_connections=30'),
  prepare: async (url) => {
    const admin = await POSTGRES.session(url);
    await admin.query('create role shop login');
    await admin.query('grant all on schema public to shop');
    await admin.end();
    return url.replace('app@', 'shop@');
  },
  session: async (url) => {
    const client = new pg.Client({ connectionString: url, application_name: 'fault' });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('set default_transaction_read_only = off; set statement_timeout = 0');
    return client;
  },
  stores: (url) => ({ ledger: postgresExecutionStore({ url }), deadLetters: postgresStore({ url }) }),
  cut: (admin) => admin.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'shop' and application_name <> 'fault'"), // prettier-ignore
  lock: 'begin; lock table resilience_executions, resilience_dead_letters in access exclusive mode',
  settings: {
    'read-only': ['alter role shop set default_transaction_read_only = on', 'alter role shop reset all'],
    'in a hurry': ['alter role shop set statement_timeout = 1', 'alter role shop reset all'],
  },
};

const MARIADB = (program: string): Kind => ({
  start: () =>
    // Killed, it shall have all that it said was committed.
    startMysql(program, '--max-connections=30', '--innodb-flush-log-at-trx-commit=1'),
  prepare: async (url) => {
    const admin = await MARIADB(program).session(url);
    await admin.query("create user 'shop'@'127.0.0.1'");
    await admin.query("grant all on mysql.* to 'shop'@'127.0.0.1'");
    await admin.end();
    return url.replace('root@', 'shop@');
  },
  session: async (url) => {
    const client = await mysql.createConnection(url);
    client.on('error', () => undefined);
    return client;
  },
  stores: (url) => ({ ledger: mysqlExecutionStore({ url }), deadLetters: mysqlStore({ url }) }),
  cut: async (admin) => {
    const [rows] = (await admin.query("select id from information_schema.processlist where user = 'shop'")) as [{ id: number }[]]; // prettier-ignore
    for (const { id } of rows) await admin.query(`kill ${id}`).catch(() => undefined);
  },
  lock: 'lock tables resilience_executions write, resilience_dead_letters write',
  settings: {
    'read-only': ['set global read_only = on', 'set global read_only = off'],
    'in a hurry': ['set global max_statement_time = 0.0001', 'set global max_statement_time = 0'],
  },
});

const found = findMysql();
const kinds: [string, Kind][] = [['PostgreSQL', POSTGRES]];
if (found && 'program' in found) kinds.push(['MariaDB', MARIADB(found.program)]);
else process.stderr.write('\nSKIPPED: the faults of a MariaDB were NOT tested. Install it.\n\n');

@Injectable()
class Orders {
  @DeadLetter('orders')
  async charge(order: number): Promise<void> {
    throw new Error(`bank is down for ${order}`);
  }
}

/** Runs at work, calls that fail, and what became of them. */
class Load {
  readonly accepted = new Set<string>();
  readonly deadLetters = new Set<string>();
  readonly submits: number[] = [];
  readonly calls: number[] = [];
  readonly refusals = new Map<string, number>();
  readonly notOk: number[] = [];
  readonly ran = new Map<string, number>();
  unacknowledged = 0;
  private going = true;
  private readonly work: Promise<unknown>[] = [];

  readonly chain = ['first', 'second', 'third'].reduce(
    (chain, name, index, names) =>
      chain.node(name, {
        run: (context: StepContext) => this.step(context),
        ...(index > 0 && { after: names[index - 1]! }),
      }),
    workflow('chain'),
  );

  begin(app: INestApplication): void {
    const [workflows, orders, health] = [app.get(WorkflowService), app.get(Orders), app.get(HealthRegistry)];
    for (let slot = 0; slot < SLOTS; slot++) this.work.push(this.submitting(workflows));
    this.work.push(this.failing(orders), this.looking(health));
  }

  async end(): Promise<void> {
    this.going = false;
    await Promise.all(this.work);
  }

  private async step({ executionId, node }: StepContext): Promise<string> {
    const key = `${executionId} ${node}`;
    this.ran.set(key, (this.ran.get(key) ?? 0) + 1);
    await pause(50);
    return key;
  }

  private async submitting(workflows: WorkflowService): Promise<void> {
    while (this.going) {
      const at = performance.now();
      try {
        const { id } = await workflows.start('chain', {});
        this.submits.push(performance.now() - at);
        this.accepted.add(id);
        // Not longer: reading waits for locks, too.
        await Promise.race([workflows.wait(id, { timeout: '2s' }).catch(() => pause(50)), pause(2_000)]);
      } catch (error) {
        this.submits.push(performance.now() - at);
        const { code = String(error) } = error as { code?: string };
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
        await pause(50);
      }
    }
  }

  private async failing(orders: Orders): Promise<void> {
    for (let order = 0; this.going; order++) {
      const at = performance.now();
      const error = (await orders.charge(order).catch((reason: unknown) => reason)) as { deadLetterId?: string };
      this.calls.push(performance.now() - at);
      if (error.deadLetterId === undefined) this.unacknowledged++;
      else this.deadLetters.add(error.deadLetterId);
      await pause(1_000 / FAILURES_PER_SECOND);
    }
  }

  private async looking(health: HealthRegistry): Promise<void> {
    while (this.going) {
      if (health.summary().status !== 'ok') this.notOk.push(performance.now());
      await pause(20);
    }
  }
}

type Fault = (server: DatabaseServer, kind: Kind, admin: () => Promise<Session>) => Promise<void>;

async function forAWhile(act: () => Promise<unknown>, everyMs: number): Promise<void> {
  const until = performance.now() + FAULT_MS;
  while (performance.now() < until) {
    await act();
    await pause(everyMs);
  }
}

const setting =
  (name: keyof Kind['settings']): Fault =>
  async (_server, kind, admin) => {
    const session = await admin();
    const [on, off] = kind.settings[name];
    await session.query(on);
    await kind.cut(session);
    await pause(FAULT_MS);
    await session.query(off);
    await kind.cut(session);
    await session.end();
  };

const FAULTS: [string, Fault][] = [
  [
    'is killed and started again',
    async (server) => {
      await server.crash();
      await pause(FAULT_MS / 3);
      await server.start();
    },
  ],
  [
    'stands still',
    async (server) => {
      freeze(server.process);
      await pause(FAULT_MS);
      thaw(server.process);
    },
  ],
  [
    'ends its connections again and again',
    async (_server, kind, admin) => {
      const session = await admin();
      await forAWhile(() => kind.cut(session), 200);
      await session.end();
    },
  ],
  [
    'has no connection left',
    async (server, kind, admin) => {
      const session = await admin();
      const holding: Session[] = [];
      const hold = async (): Promise<void> => {
        await kind.cut(session);
        while (holding.length < 40) {
          const one = await kind.session(server.url).catch(() => undefined);
          if (one === undefined) return;
          holding.push(one);
        }
      };
      await forAWhile(hold, 200);
      for (const one of holding) await one.end().catch(() => undefined);
      await session.end();
    },
  ],
  ['may only be read', setting('read-only')],
  ['gives statements no time', setting('in a hurry')],
  [
    'has its tables locked',
    async (_server, kind, admin) => {
      const session = await admin();
      await session.query(kind.lock);
      await pause(FAULT_MS);
      await session.end();
    },
  ],
];

describe.each(kinds)('under load, a %s', (name, kind) => {
  let server: DatabaseServer;
  let url: string;
  let directory: string;
  let app: INestApplication | undefined;

  beforeAll(async () => {
    server = await kind.start();
    url = await kind.prepare(server.url);
  });

  afterEach(async () => {
    thaw(server.process);
    await app?.close();
    app = undefined;
    rmSync(directory, { recursive: true, force: true });
  });

  afterAll(() => server.stop());

  it.each(FAULTS)('that %s loses nothing, runs nothing twice and keeps nobody waiting', async (fault, inject) => {
    const load = new Load();
    app = await boot(load);
    load.begin(app);
    await pause(3_000);
    load.submits.length = 0;
    load.calls.length = 0;
    load.notOk.length = 0;
    const faultAt = performance.now();

    await inject(server, kind, () => kind.session(server.url));
    await pause(2_000);
    await load.end();
    const unfinished = await allEnded(app);

    const listed = await idsIn(app);
    const twice = [...load.ran].filter(([, times]) => times > 1);
    const lost = [...load.accepted].filter((id) => !load.ran.has(`${id} third`));
    const missing = [...load.deadLetters].filter((id) => !listed.has(id));
    const notOkMs = load.notOk.length === 0 ? 'never' : `${(load.notOk[0]! - faultAt).toFixed(0)} ms`;
    process.stdout.write(
      `${name} that ${fault}: ${load.accepted.size} accepted, ${lost.length} lost, ${unfinished} ghosts, ${twice.length} nodes twice; ` +
        `${load.deadLetters.size} dead letters acknowledged, ${missing.length} missing; refused ${JSON.stringify([...load.refusals])}; ` +
        `submit p99 ${percentile(load.submits)} ms, max ${Math.max(...load.submits).toFixed(0)} ms; failing call p99 ${percentile(load.calls)} ms; ` +
        `health not ok after ${notOkMs}\n`,
    );
    expect(lost).toEqual([]);
    expect(unfinished).toBe(0);
    expect(twice).toEqual([]);
    expect(missing).toEqual([]);
    expect(load.unacknowledged).toBe(0);
    // What is at work keeps its place while the server is away, so that a long fault also leaves no place in line.
    const right = ['RESILIENCE_STORE_UNAVAILABLE', 'RESILIENCE_WORKFLOW_BUSY'];
    expect([...load.refusals.keys()].filter((code) => !right.includes(code))).toEqual([]);
    expect(Math.max(...load.submits)).toBeLessThan(SLOWEST_SUBMIT_MS);
    expect(load.notOk.length).toBeGreaterThan(0);
  });

  async function boot(load: Load): Promise<INestApplication> {
    directory = mkdtempSync(join(tmpdir(), 'sql-servers-'));
    const { ledger, deadLetters } = kind.stores(url);
    const module = await Test.createTestingModule({
      imports: [
        ResilienceModule.forRoot({ deadLetter: { store: deadLetters, spillDirectory: join(directory, 'spill') } }),
        HealthModule.forRoot({ store: true, eventLoop: false }),
        WorkflowModule.forRoot({ store: ledger, definitions: [load.chain], http: false }),
      ],
      providers: [Orders],
    }).compile();
    return module.createNestApplication({ logger: false }).init();
  }

  /** Until everything has ended, also what arrived when its submitter had been refused. Resolves with how many never do. */
  async function allEnded(running: INestApplication): Promise<number> {
    const workflows = running.get(WorkflowService);
    const until = performance.now() + 150_000;
    for (;;) {
      const open = await Promise.all(
        (['running', 'queued'] as const).map((status) => workflows.list({ status, limit: 500 })),
      ).catch(() => undefined);
      const count = open?.reduce((sum, { items }) => sum + items.length, 0) ?? NaN;
      if (count === 0 || performance.now() > until) return count;
      await pause(200);
    }
  }

  function spilled(): string[] {
    const spill = join(directory, 'spill');
    return existsSync(spill) ? readdirSync(spill) : [];
  }

  async function idsIn(running: INestApplication): Promise<Set<string>> {
    const writer = running.get(DeadLetterWriter);
    while (writer.degraded || spilled().length > 0) {
      await writer.readBack();
      await pause(100);
    }
    const ids = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await running.get(DeadLetterService).list({ limit: 1_000, ...(cursor !== undefined && { cursor }) });
      for (const { id } of page.items) ids.add(id);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return ids;
  }
});

function percentile(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  return (sorted[Math.floor(sorted.length * 0.99)] ?? NaN).toFixed(0);
}
