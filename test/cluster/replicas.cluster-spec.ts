import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { effectsIn, repeated, Replica, type ReplicaOptions, until } from '../faults/replica.js';
import { requireBuilt } from '../faults/built.js';
import { freeze, thaw } from '../servers/freeze.js';
import { findMysql, startMysql } from '../servers/mysql.server.js';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';
import { type RedisServer, startRedisServer } from '../servers/redis.server.js';
import { suiteWith } from '../servers/suite.js';

const describe = suiteWith(['redis-server'], 'replicas were');

let made = 0;
/** Nodes of the workflow `chain`. */
const NODES = 5;

const mysql = findMysql();
if (!mysql) process.stderr.write('\nSKIPPED: replicas on MySQL were NOT tested. Install MariaDB.\n\n');

const ALL: readonly [name: string, start: () => Promise<DatabaseServer>][] = [
  ['PostgreSQL', startPostgres],
  ...(mysql && 'program' in mysql
    ? [['MariaDB', () => startMysql(mysql.program)] as [string, () => Promise<DatabaseServer>]]
    : []),
];
const DATABASES = ALL.slice(0, Number(process.env['DATABASES'] ?? ALL.length));

beforeAll(() => requireBuilt('resilience', 'store-sql', 'workflow', 'cluster'));

describe.each(DATABASES)('replicas on %s and Redis', (name, startServer) => {
  let server: DatabaseServer;
  let redis: RedisServer;
  let directory: string;
  let effects: string;
  let database: string;
  const replicas: Replica[] = [];

  beforeAll(async () => {
    [server, redis] = [await startServer(), await startRedisServer()];
  }, 120_000);

  afterAll(async () => {
    await redis?.stop();
    await server?.stop();
  });

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'replicas-'));
    effects = join(directory, 'effects.log');
    database = await freshDatabase(server.url, `replicas_${++made}`);
  });

  afterEach(async () => {
    for (const replica of replicas) replica.child.kill('SIGCONT');
    await Promise.all(replicas.splice(0).map((replica) => replica.end('SIGKILL')));
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(more: Partial<ReplicaOptions> = {}): Promise<Replica> {
    const replica = await Replica.start({ store: database, effects, redis: `${redis.url}/${made % 16}`, ...more });
    replicas.push(replica);
    return replica;
  }

  /** So many at a time: on a busy machine the server has to answer each within two seconds. */
  async function submit(replica: Replica, count: number, input: (place: number) => object): Promise<string[]> {
    const ids: string[] = [];
    for (let from = 0; from < count; from += 20) {
      const places = Array.from({ length: Math.min(20, count - from) }, (_, place) => from + place);
      ids.push(...(await Promise.all(places.map((place) => replica.submit('chain', input(place))))));
    }
    return ids;
  }

  async function endOf(replica: Replica, id: string) {
    const { body } = await replica.ask(`/executions/${id}?wait=60s`);
    return body as { status: string; version: string; nodes: { node: string }[]; error?: unknown };
  }

  async function allEnd(replica: Replica, ids: readonly string[], status = 'succeeded'): Promise<void> {
    await replica.untilNothingIsUnfinished();
    const ends = await Promise.all(ids.map((id) => endOf(replica, id)));
    expect(ends.filter((end) => end.status !== status)).toEqual([]);
    if (status === 'succeeded') expect(ends.filter(({ nodes }) => nodes.length < NODES)).toEqual([]);
  }

  const report = (words: string) => process.stdout.write(`${name}: ${words}\n`);
  const workers = () => new Set(effectsIn(effects).map(([, , pid]) => pid)).size;

  it('share what is at work, and run no node twice, when a second one starts', async () => {
    const first = await start({ running: 20 });
    const ids = await submit(first, 120, (place) => ({ ms: 200 + ((place * 7919) % 400), place }));

    const second = await start({ running: 20 });
    await allEnd(second, ids);

    report(
      `${ids.length} runs of ${NODES} nodes beside a replica that starts: ${repeated(effectsIn(effects))} nodes twice`,
    );
    expect(repeated(effectsIn(effects))).toBe(0);
    expect(effectsIn(effects)).toHaveLength(ids.length * NODES);
    expect(workers()).toBe(2);
  });

  it('take over what a killed one ran', async () => {
    const [first, second] = [await start({ running: 20 }), await start({ running: 20 })];
    const ids = await submit(first, 60, (place) => ({ ms: 300, place }));
    await until(() => effectsIn(effects).length > 60, first.ended);

    const [at, inHand] = [Date.now(), 20];
    await first.end('SIGKILL');
    await allEnd(second, ids);

    const tookMs = Date.now() - at;
    report(`kill -9 of one of two: everything ended ${tookMs} ms later, ${repeated(effectsIn(effects))} nodes again`);
    expect(repeated(effectsIn(effects))).toBeLessThanOrEqual(inHand);
  });

  it('hand over what one runs that goes in order', async () => {
    const [first, second] = [await start({ running: 20, shutdown: '200ms' }), await start({ running: 20 })];
    const ids = await submit(first, 40, () => ({ ms: 400 }));
    await until(() => effectsIn(effects).length > 20, first.ended);

    const at = Date.now();
    await first.end('SIGTERM');
    const goneMs = Date.now() - at;
    await allEnd(second, ids);

    report(`SIGTERM with 200 ms to go: gone after ${goneMs} ms, all ended after ${Date.now() - at} ms`);
    const crashes = await Promise.all(ids.map(async (id) => (await second.ask(`/executions/${id}`)).body['crashes']));
    expect(crashes.filter((each) => each !== undefined)).toEqual([]);
  });

  it('tell of an execution through whichever is asked: its end, its events, its cancellation', async () => {
    const [first, second] = [await start({ running: 1 }), await start({ running: 1 })];
    const id = await first.submit('chain', { ms: 300 });
    await until(() => effectsIn(effects).length > 0, first.ended);

    const events = (replica: Replica) =>
      fetch(`${replica.url}/executions/${id}/events`).then((answer) => answer.text());
    const [here, there, end] = await Promise.all([events(first), events(second), endOf(second, id)]);
    const lagMs = Date.now() - Date.parse(String((await first.ask(`/executions/${id}`)).body['finishedAt']));
    expect(end.status).toBe('succeeded');
    const idsOf = (text: string) => [...text.matchAll(/^id: (\d+)$/gm)].map(([, number]) => number);
    expect(idsOf(there)).toEqual(idsOf(here));
    expect(idsOf(here).length).toBeGreaterThan(NODES);

    const long = await first.submit('chain', { ms: 60_000 });
    await until(() => effectsIn(effects).some(([of]) => of === long), first.ended);
    const runner = effectsIn(effects).find(([of]) => of === long)![2];
    const other = String(first.child.pid) === runner ? second : first;
    const at = Date.now();
    expect(await other.ask(`/executions/${long}/cancel`, {})).toMatchObject({ status: 200 });
    const aborted = () => effectsIn(`${effects}.aborted`)[0] ?? [];
    await until(() => aborted()[0] === long, other.ended);
    report(`end seen elsewhere ${lagMs} ms later; cancelled elsewhere, aborted ${Number(aborted()[3]) - at} ms later`);
  });

  it('do not take a resumed run away for a dead letter', async () => {
    const [first, second] = [await start(), await start()];
    const id = await first.submit('chain', { ms: 300, fail: 'b' });
    expect((await endOf(first, id)).status).toBe('failed');
    writeFileSync(`${effects}.mended`, '');
    const { body } = await second.ask('/dead-letters?limit=100');
    const letter = (body['items'] as { id: string; arguments?: unknown; payload?: unknown }[]).find((item) =>
      JSON.stringify(item).includes(id),
    )!;

    expect((await first.ask(`/executions/${id}/resume`, {})).status).toBe(202);
    const redriven = await second.ask(`/dead-letters/${letter.id}/redrive`, {});
    await allEnd(second, [id]);

    expect(redriven.status).toBe(200);
    const ran = effectsIn(effects).map(([, node]) => node);
    // b failed once, and once it did not.
    expect(ran.sort()).toEqual(['a', 'b', 'b', 'c', 'd', 'e']);
  });

  it('run each version where it is known, while an older release starts beside a newer one', async () => {
    const newer = await start({ release: 'new', running: 5 });
    const [fresh, long] = [await newer.submit('fresh', { ms: 3_000 }), await newer.submit('chain', { ms: 1_000 })];
    const waiting = await submit(newer, 12, () => ({ ms: 300 }));

    const older = await start({ running: 5 });
    const old = await submit(older, 12, () => ({ ms: 100 }));
    await newer.untilNothingIsUnfinished();

    expect(await endOf(newer, fresh)).toMatchObject({ status: 'succeeded' });
    const nodes = async (id: string) => (await endOf(older, id)).nodes.map(({ node }) => node).join('');
    expect(await nodes(long)).toBe('abcdef');
    expect(new Set(await Promise.all(waiting.map(nodes)))).toEqual(new Set(['abcdef']));
    expect(new Set(await Promise.all(old.map(nodes)))).toEqual(new Set(['abcde']));
    expect(repeated(effectsIn(effects))).toBe(0);
  });

  it('take what is submitted while Redis stands still, end what runs, and start the rest when it is back', async () => {
    const [first, second] = [await start({ running: 10 }), await start({ running: 10 })];
    const before = await submit(first, 15, () => ({ ms: 200 }));
    await until(() => effectsIn(effects).length > 5, first.ended);

    freeze(redis.child);
    const at = Date.now();
    const during = await submit(second, 10, () => ({ ms: 50 }));
    const acceptedMs = Date.now() - at;
    await pause(8_000 - acceptedMs);
    thaw(redis.child);
    const back = Date.now();
    await allEnd(second, [...before, ...during]);

    report(
      `Redis frozen for 8 s: 10 accepted in ${acceptedMs} ms meanwhile, all ended ${Date.now() - back} ms after it`,
    );
    expect(repeated(effectsIn(effects))).toBe(0);
  });

  it('lose nothing with a Redis that comes back empty', async () => {
    const [first, second] = [await start({ running: 5 }), await start({ running: 5 })];
    const ids = await submit(first, 80, () => ({ ms: 100 }));
    await until(() => effectsIn(effects).length > 20, first.ended);

    await redis.stop();
    redis = await startRedisServer([], redis.port);
    const at = Date.now();
    await allEnd(second, ids);

    report(
      `Redis killed and back empty: all ended ${Date.now() - at} ms later, ${repeated(effectsIn(effects))} nodes again`,
    );
    expect(repeated(effectsIn(effects))).toBe(0);
  });

  it('wait for a process that runs the ledger alone, and one that would waits for them', async () => {
    const alone = await Replica.start({ store: database, effects });
    replicas.push(alone);
    await until(
      async () => (await alone.ask('/workflows/steps/executions?wait=10s', { ms: 0 })).status === 200,
      alone.ended,
    );

    const one = await start();
    expect(await one.ask('/workflows/chain/executions', { ms: 1 })).toMatchObject({
      status: 503,
      body: { code: 'RESILIENCE_EXECUTOR_ELSEWHERE' },
    });
    await alone.end('SIGTERM');
    await until(
      async () => (await one.ask('/workflows/chain/executions?wait=10s', { ms: 1 })).status === 200,
      one.ended,
    );
    const late = await Replica.start({ store: database, effects });
    replicas.push(late);

    expect((await late.ask('/workflows/chain/executions', { ms: 1 })).status).toBe(503);
  });
});

async function freshDatabase(url: string, name: string): Promise<string> {
  const words = `create database ${name}`;
  if (url.startsWith('mysql:')) {
    const connection = await createConnection(url);
    await connection.query(words);
    await connection.end();
  } else {
    const client = new Client(url);
    await client.connect();
    await client.query(words);
    await client.end();
  }
  return new URL(`/${name}`, url).href;
}
