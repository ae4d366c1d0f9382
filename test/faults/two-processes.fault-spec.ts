import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { findMysql, startMysql } from '../servers/mysql.server.js';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';
import { requireBuilt } from './built.js';
import { effectsIn, repeated, Replica, until } from './replica.js';

const mysql = findMysql();
if (!mysql) process.stderr.write('\nSKIPPED: two processes on MySQL were NOT tested. Install MariaDB.\n\n');

/** A server for a suite, or a file. */
type Database = [name: string, start: () => Promise<DatabaseServer | undefined>];
const ALL: readonly Database[] = [
  ['one SQLite file', () => Promise.resolve(undefined)],
  ['one PostgreSQL', () => startPostgres()],
  ...(mysql && 'program' in mysql ? [['one MariaDB', () => startMysql(mysql.program)] satisfies Database] : []),
];
const DATABASES = ALL.slice(0, Number(process.env['DATABASES'] ?? ALL.length));

beforeAll(() => requireBuilt('resilience', 'store-sql', 'workflow'));

describe.each(DATABASES)('two processes on %s', (_name, startServer) => {
  let server: DatabaseServer | undefined;
  let directory: string;
  let effects: string;
  const replicas: Replica[] = [];

  beforeAll(async () => {
    server = await startServer();
  }, 120_000);

  afterAll(() => server?.stop());

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'two-processes-'));
    effects = join(directory, 'effects.log');
  });

  afterEach(async () => {
    for (const replica of replicas) replica.child.kill('SIGCONT');
    await Promise.all(replicas.splice(0).map((replica) => replica.end('SIGKILL')));
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(): Promise<Replica> {
    const replica = await Replica.start({ store: server?.url ?? join(directory, 'ledger.db'), effects });
    replicas.push(replica);
    return replica;
  }

  /** That one may start something; the lease of an earlier test may have to end. */
  async function starting(replica: Replica): Promise<void> {
    const probe = () => replica.ask('/workflows/steps/executions?wait=10s', { ms: 0 });
    await until(async () => (await probe()).status === 200, replica.ended);
    await replica.untilNothingIsUnfinished();
  }

  it('do nothing twice: the second one reads, refuses to run anything, and says who does', async () => {
    const first = await start();
    await starting(first);
    const before = effectsIn(effects).length;
    await Promise.all(Array.from({ length: 20 }, () => first.submit('steps', { ms: 1_000 })));

    const second = await start();

    const refused = await second.ask('/workflows/steps/executions', { ms: 1 });
    expect(refused).toMatchObject({ status: 503, body: { code: 'RESILIENCE_EXECUTOR_ELSEWHERE' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.body['detail']).toContain(`process ${first.child.pid} on ${hostname()} since 20`);
    expect((await second.executions('workflow=steps')).length).toBeGreaterThanOrEqual(20);
    expect((await second.ask('/health/live')).status).toBe(200);
    const ready = await second.ask('/health/ready');
    expect(ready).toMatchObject({
      status: 200,
      body: { status: 'degraded', info: { executions: { status: 'degraded' } } },
    });

    expect(await first.untilNothingIsUnfinished()).toBe(true);
    const ran = effectsIn(effects).slice(before);
    expect(ran.length).toBe(60);
    expect(repeated(ran)).toBe(0);
    expect(new Set(ran.map(([, , pid]) => Number(pid)))).toEqual(new Set([first.child.pid]));
  });

  it('leave dead letters of executions to the first one, and count no redrive', async () => {
    const first = await start();
    await starting(first);
    const id = await first.submit('steps', { ms: null });
    await first.untilNothingIsUnfinished();
    const { deadLetterId } = (await first.ask(`/executions/${id}`)).body;

    const second = await start();

    const refused = await second.ask(`/dead-letters/${String(deadLetterId)}/redrive`, {});
    expect(refused).toMatchObject({ status: 503, body: { code: 'RESILIENCE_EXECUTOR_ELSEWHERE' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await second.ask(`/executions/${id}/resume`, {})).status).toBe(503);
    const letter = await second.ask(`/dead-letters/${String(deadLetterId)}`);
    expect(letter.body).toMatchObject({ status: 'pending', redrives: 0 });
  });

  it('change over within 20 s of a kill; what was unfinished ends in the second one', async () => {
    const first = await start();
    await starting(first);
    const ids = await Promise.all(Array.from({ length: 20 }, () => first.submit('steps', { ms: 1_000 })));
    await until(() => ids.every((id) => effectsIn(effects).some(([of]) => of === id)), first.ended);
    const second = await start();
    const killedAt = performance.now();
    await first.end('SIGKILL');

    await starting(second);

    const tookMs = performance.now() - killedAt;
    process.stdout.write(`changed over, and all ended, after ${Math.round(tookMs)} ms\n`);
    expect(tookMs).toBeLessThan(20_000);
    for (const id of ids) expect((await second.ask(`/executions/${id}`)).body).toMatchObject({ status: 'succeeded' });
  });

  it('change over at once when the first one leaves in order', async () => {
    const first = await start();
    await starting(first);
    const second = await start();
    await first.end('SIGTERM');
    const leftAt = performance.now();

    await starting(second);

    expect(performance.now() - leftAt).toBeLessThan(8_000);
  });

  it('do nothing twice when the first one is stopped, taken over from, and goes on', async () => {
    const first = await start();
    await starting(first);
    const ids = await Promise.all(Array.from({ length: 10 }, () => first.submit('steps', { ms: 500 })));
    await until(() => ids.every((id) => effectsIn(effects).some(([of]) => of === id)), first.ended);
    const second = await start();
    first.child.kill('SIGSTOP');
    await pause(30_000);
    const byFirst = effectsIn(effects).filter(([, , pid]) => Number(pid) === first.child.pid).length;

    first.child.kill('SIGCONT');

    expect(await second.untilNothingIsUnfinished()).toBe(true);
    await until(async () => (await first.ask('/workflows/steps/executions', { ms: 1 })).status === 503, first.ended);
    const ran = effectsIn(effects);
    expect(ran.filter(([, , pid]) => Number(pid) === first.child.pid).length).toBe(byFirst);
    for (const id of ids) {
      const { body } = await second.ask(`/executions/${id}`);
      expect(body).toMatchObject({ status: 'succeeded' });
      expect((body['nodes'] as unknown[]).length).toBe(3);
      // What was in hand when it was stopped began again, and nothing else.
      expect(repeated(ran.filter(([of]) => of === id))).toBeLessThanOrEqual(1);
    }
  });
});
