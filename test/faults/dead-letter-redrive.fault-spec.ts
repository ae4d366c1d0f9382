import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DeadLetterStore } from '@nest-resilience/core';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import { postgresStore } from '@nest-resilience/store-sql';
import pg from 'pg';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';
import { requireBuilt } from './built.js';

const ENTRIES = Number(process.env['REDRIVE_ENTRIES'] ?? 10_000);
const LEASE_MS = 4_000;

let server: DatabaseServer;
let pool: pg.Pool;
let store: DeadLetterStore;
const children: ChildProcess[] = [];

beforeAll(async () => {
  requireBuilt('resilience', 'store-sql');
  server = await startPostgres();
  pool = new pg.Pool({ connectionString: server.url });
  // The server says goodbye to connections that are just being closed.
  pool.on('error', () => undefined).on('connect', (client) => client.on('error', () => undefined));
  await pool.query('create table effects (key text primary key); create table calls (effect text not null)');
  store = postgresStore({ url: server.url });
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await store?.close?.();
  await pool?.end();
  await server?.stop();
});

/** Resolves with the last line that the process wrote. */
function redrive(stopAfter = 0): { child: ChildProcess; said: Promise<string> } {
  const path = fileURLToPath(new URL('./children/dead-letter-redriver.mjs', import.meta.url));
  const child = spawn(process.execPath, [path, server.url, String(LEASE_MS), String(stopAfter)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return { child, said: lastLine(child) };
}

async function lastLine(child: ChildProcess): Promise<string> {
  const closed = once(child, 'close');
  let last = '';
  for await (const line of createInterface({ input: child.stdout! })) {
    last = line;
    if (line === 'stopped') child.kill('SIGKILL');
  }
  await closed;
  return last;
}

async function number(query: string): Promise<number> {
  const { rows } = await pool.query<{ n: string }>(query);
  return Number(rows[0]!.n);
}

const byStatus = async (): Promise<Record<string, number>> =>
  Object.fromEntries((await store.count()).map(({ status, count }) => [status, count]));

describe('three processes that redrive the same entries on PostgreSQL', () => {
  it(`do each of ${ENTRIES} effects once, although one of them is killed in the middle of a call`, async () => {
    const records = Array.from({ length: ENTRIES }, (_, i) =>
      deadLetterRecord({ args: { encoding: 'superjson', json: [{ order: `order-${i}` }] } }),
    );
    await Promise.all(records.map((record) => store.add(record)));

    const startedAt = performance.now();
    const victim = redrive(Math.ceil(ENTRIES / 10));
    const survivors = [redrive(), redrive()];
    expect(await victim.said).toBe('stopped');
    const reports = await Promise.all(survivors.map(async ({ said }) => JSON.parse(await said) as { calls: number }));
    const seconds = (performance.now() - startedAt) / 1_000;

    const left = await byStatus();
    await untilGivenBack();
    await redrive().said;

    const calls = await number('select count(*) as n from calls');
    process.stdout.write(
      `redrive: ${ENTRIES} entries, 3 processes, 1 killed holding ${left['redriving'] ?? 0}, calls of the survivors ` +
        `${reports.map((report) => report.calls).join(' + ')}, ${calls} calls in all, ${seconds.toFixed(1)} s\n`,
    );
    expect(await byStatus()).toEqual({ resolved: ENTRIES });
    expect(await number('select count(*) as n from effects')).toBe(ENTRIES);
    // What the victim did not live to report is called again, and nothing else.
    expect(calls).toBe(ENTRIES + 1);
  });
});

/** The lease runs on the clock of the database: nothing but time frees the entry. */
async function untilGivenBack(): Promise<void> {
  const deadline = Date.now() + LEASE_MS + 10_000;
  do {
    await store.releaseExpired(Date.now());
    if (Date.now() > deadline) throw new Error('an entry is still leased long after its lease');
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while ((await byStatus())['redriving'] !== undefined);
}
