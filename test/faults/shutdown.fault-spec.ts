import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type DeadLetterRecord } from '@nest-resilience/core';
import { sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';
import { requireBuilt } from './built.js';
import { type ServiceProcess, startService } from './service-process.js';

const CLIENTS = 12;
const TOKEN = 'only-for-this-test';
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
const LOAD_MS = 2_000;
/** Much more than a load balancer that asks so often needs to notice, also on a busy machine. */
const DELAY_MS = 2_500;
const TIMEOUT_MS = 3_000;
const READINESS_EVERY_MS = 20;
/** Mails whose archive asks for a long pause: they wait for a retry when the signal comes. No more than the retry budget lets. */
const ASKED_TO_WAIT = 3;
/** Mails whose desk never answers: they are at work when the time is over. */
const HANGING = 3;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RAW = readFileSync(`${ROOT}examples/inbox/easy-ham-1-00055.eml`, 'utf8').slice(0, 1_500);

/** What the service delivers to. Counts each delivery, by its idempotency key. */
class Downstream {
  readonly attempts = new Map<string, number[]>();
  readonly taken = new Set<string>();
  healthy = false;
  private readonly server: Server;

  /** @param answer what it does with the n-th key it sees while it is not healthy */
  constructor(answer: (nth: number) => 'take' | 'ask-to-wait' | 'hang') {
    this.server = createServer((request, response) => {
      const key = String(request.headers['idempotency-key']);
      this.attempts.set(key, [...(this.attempts.get(key) ?? []), performance.now()]);
      const nth = [...this.attempts.keys()].indexOf(key);
      const does = this.healthy ? 'take' : answer(nth);
      request.resume().on('end', () => {
        if (does === 'hang') return;
        if (does === 'take') this.taken.add(key);
        response.writeHead(does === 'take' ? 200 : 503, does === 'take' ? {} : { 'retry-after': '30' }).end();
      });
    });
  }

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

interface Answered {
  readonly startedAt: number;
  readonly status: number | 'no answer';
  readonly id: string | undefined;
}

let directory: string;
let archive: Downstream;
let desk: Downstream;
let service: ServiceProcess | undefined;

beforeAll(() => requireBuilt('resilience', 'store-sql', 'workflow', 'llm'));

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'shutdown-'));
  mkdirSync(join(directory, 'workflows'));
  copyFileSync(`${ROOT}workflows/inbox-triage.yaml`, join(directory, 'workflows', 'inbox-triage.yaml'));
  archive = await new Downstream((nth) => (nth < ASKED_TO_WAIT ? 'ask-to-wait' : 'take')).start();
  desk = await new Downstream((nth) => (nth < HANGING ? 'hang' : 'take')).start();
});

afterEach(() => {
  service?.child.kill('SIGKILL');
  archive.stop();
  desk.stop();
  rmSync(directory, { recursive: true, force: true });
});

const settings = () => ({
  ADMIN_TOKEN: TOKEN,
  DATA_DIR: directory,
  WORKFLOWS_DIR: join(directory, 'workflows'),
  ARCHIVE_URL: archive.url,
  DESK_URL: desk.url,
  SHUTDOWN_DELAY: `${DELAY_MS}ms`,
  SHUTDOWN_TIMEOUT: `${TIMEOUT_MS}ms`,
});

async function untilAllEnded(url: string): Promise<void> {
  for (;;) {
    const pages = await Promise.all(
      ['running', 'queued'].map(async (status) => {
        const response = await fetch(`${url}/executions?status=${status}`, { headers: AUTHORIZED });
        return (await response.json()) as { items: unknown[] };
      }),
    );
    if (pages.every(({ items }) => items.length === 0)) return;
    await pause(100);
  }
}

/** One client: mails one after the other, as long as it is sent any. Half of them wait for the result. */
async function client(url: string, number: number, mayGoOn: () => boolean, answered: Answered[]): Promise<void> {
  for (let mail = 0; mayGoOn(); mail++) {
    const startedAt = performance.now();
    try {
      const wait = mail % 2 === 0 ? '' : '?wait=30s';
      const response = await fetch(`${url}/workflows/inbox-triage/executions${wait}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...AUTHORIZED },
        body: JSON.stringify({ raw: `Message-ID: <${number}-${mail}@test>\n${RAW}` }),
      });
      const body = (await response.json()) as { id?: string };
      answered.push({ startedAt, status: response.status, id: body.id });
    } catch {
      answered.push({ startedAt, status: 'no answer', id: undefined });
    }
  }
}

/** Asks for readiness as a load balancer does; resolves with the time of the first refusal. */
async function untilNotReady(url: string, live: (number | 'no answer')[]): Promise<number> {
  for (;;) {
    const [ready, alive] = await Promise.all(
      ['ready', 'live'].map((probe) =>
        fetch(`${url}/health/${probe}`).then(
          async (response) => (await response.arrayBuffer(), response.status),
          () => 'no answer' as const,
        ),
      ),
    );
    live.push(alive ?? 'no answer');
    if (ready !== 200) return performance.now();
    await pause(READINESS_EVERY_MS);
  }
}

async function everything() {
  const file = join(directory, 'nest-resilience.db');
  const executions = sqliteExecutionStore({ file });
  const letters = sqliteStore({ file });
  const statuses = new Map<string, string>();
  const deadLetters: DeadLetterRecord[] = [];
  try {
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await executions.list({ limit: 200, ...(cursor !== undefined && { cursor }) });
      for (const { id, status } of page.items) statuses.set(id, status);
      cursor = page.nextCursor ?? undefined;
    }
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await letters.list({ limit: 200, ...(cursor !== undefined && { cursor }) });
      deadLetters.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    }
  } finally {
    await executions.close?.();
    await letters.close?.();
  }
  return { statuses, deadLetters };
}

const tally = (values: Iterable<unknown>): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
  return counts;
};

describe('SIGTERM while requests come in, retries wait and downstreams hang', () => {
  it('refuses nobody before readiness failed, loses no call, ends by itself in time; the next process finishes the rest', async () => {
    service = await startService(settings());
    const { url, child, ended, log } = service;
    const answered: Answered[] = [];
    const live: (number | 'no answer')[] = [];
    let ready = true;

    const notReady = untilNotReady(url, live).then((at) => ((ready = false), at));
    const clients = Array.from({ length: CLIENTS }, (_, number) => client(url, number, () => ready, answered));
    await pause(LOAD_MS);
    const signalledAt = performance.now();
    child.kill('SIGTERM');
    const notReadyAt = await notReady;
    await Promise.all(clients);
    const { code, signal } = await ended;
    const tookMs = performance.now() - signalledAt;

    const { statuses, deadLetters } = await everything();
    const accepted = answered.filter(({ id }) => id !== undefined);
    const before = answered.filter(({ startedAt }) => startedAt < notReadyAt);
    const refused = before.filter(({ status }) => status !== 200 && status !== 202);
    const unknown = accepted.filter(({ id }) => !statuses.has(id!));
    const kept = new Map(deadLetters.map(({ idempotencyKey, reason }) => [idempotencyKey, reason]));
    const lost = [...archive.attempts.keys()].filter((key) => !archive.taken.has(key) && !kept.has(key));
    const retriedLate = [...archive.attempts.values()].filter(
      (times) => times.length > 1 && times.at(-1)! > signalledAt + DELAY_MS,
    );
    process.stdout.write(
      `SIGTERM after ${LOAD_MS} ms of load: ${answered.length} requests (${JSON.stringify(tally(answered.map(({ status }) => status)))}), ` +
        `refused before readiness failed ${refused.length}; not ready after ${(notReadyAt - signalledAt).toFixed(0)} ms, ` +
        `ended by itself after ${tookMs.toFixed(0)} ms with code ${code}; ` +
        `accepted ${accepted.length}, of them not in the ledger ${unknown.length}, ledger ${JSON.stringify(tally(statuses.values()))}; ` +
        `archive calls ${archive.attempts.size}, delivered ${archive.taken.size}, dead-lettered ${JSON.stringify(tally(kept.values()))}, ` +
        `lost ${lost.length}, retried after the delay ${retriedLate.length}\n`,
    );
    expect(answered.length).toBeGreaterThan(CLIENTS);
    expect(refused).toEqual([]);
    expect(answered.filter(({ status }) => status === 'no answer')).toEqual([]);
    expect(new Set(live)).toEqual(new Set([200]));
    expect(unknown).toEqual([]);
    expect(lost).toEqual([]);
    expect(tally(kept.values())).toEqual({ shutdown: ASKED_TO_WAIT });
    expect(retriedLate).toEqual([]);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(notReadyAt - signalledAt).toBeLessThan(DELAY_MS);
    expect(tookMs).toBeGreaterThanOrEqual(DELAY_MS);
    // A slow machine gets some more to stop things.
    expect(tookMs).toBeLessThan(DELAY_MS + TIMEOUT_MS + 2_000);
    const said = ['not ready from here on', 'everything is answered or kept'].map((words) =>
      log.findIndex((line) => line.includes(words)),
    );
    expect(said[0]).toBeGreaterThan(-1);
    expect(said[1]).toBeGreaterThan(said[0]!);

    archive.healthy = desk.healthy = true;
    service = await startService(settings());
    await untilAllEnded(service.url);
    service.child.kill('SIGTERM');
    const second = await service.ended;
    const after = await everything();
    process.stdout.write(`after the next start: ledger ${JSON.stringify(tally(after.statuses.values()))}\n`);
    expect(second).toEqual({ code: 0, signal: null });
    expect(tally(after.statuses.values())).toEqual({ succeeded: statuses.size });
  });
});
