import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeadLetterRecord } from '@nest-resilience/core';
import { sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { requireBuilt } from './built.js';
import { type ServiceProcess, startService } from './service-process.js';
import { type Cost, costOf } from './silence.js';

const TOKEN = 'a-token-that-is-long-enough';
const MB = 1_048_576;
/** Alone on a machine it is 0.1 to 0.4 s, most of it for one row of 25 MB; beside ten others that want the processor ten times as much. */
const MAX_SILENT_MS = 5_000;
const NO_TOTALS = { nodes: 0, attempts: 0, retries: 0, fallbacks: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };

let directory: string;
let service: ServiceProcess;

beforeEach(() => {
  requireBuilt('resilience', 'store-sql', 'workflow');
  directory = mkdtempSync(join(tmpdir(), 'large-lists-'));
});

afterEach(async () => {
  service.child.kill('SIGKILL');
  await service.ended;
  rmSync(directory, { recursive: true, force: true });
});

const file = () => join(directory, 'nest-resilience.db');
let serial = 0;
const id = () => `019d0000-0000-7000-8000-${(++serial).toString(16).padStart(12, '0')}`;

async function start(): Promise<void> {
  service = await startService({ DATA_DIR: directory, ADMIN_TOKEN: TOKEN, EXECUTIONS_RESUME: 'off', NODE_OPTIONS: '--max-old-space-size=384' }); // prettier-ignore
}

interface Item {
  readonly id: string;
  readonly excerpt?: boolean;
}

/** The fields of all the answers that are asked for here. */
interface Answer extends Item {
  readonly items: readonly Item[];
  readonly nextCursor?: string | null;
  readonly args: readonly unknown[][];
  readonly nodes: readonly { readonly node: string; readonly result: { readonly text: string } }[];
}

async function ask(path: string, init: RequestInit = {}): Promise<{ status: number; bytes: number; body: Answer }> {
  const authorization = { authorization: `Bearer ${TOKEN}`, ...(init.headers as Record<string, string>) };
  const answer = await fetch(`${service.url}${path}`, { ...init, headers: authorization });
  const text = await answer.text();
  return { status: answer.status, bytes: text.length, body: JSON.parse(text) as Answer };
}

/** Of an answer that is too long to be held. */
async function lengthOf(path: string): Promise<number> {
  const answer = await fetch(`${service.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
  let length = 0;
  for await (const chunk of answer.body ?? []) length += (chunk as Uint8Array).length;
  return length;
}

async function measured<T>(what: string, act: () => Promise<T>): Promise<Cost<T>> {
  const cost = await costOf({ pid: service.child.pid!, url: `${service.url}/health/live` }, act);
  process.stdout.write(`${what}: ${cost.tookMs} ms, silent ${cost.silentMs} ms, peak ${cost.peakMb} MB\n`);
  return cost;
}

/** Page by page as a script would, with every id in the order in which it came. */
async function walk(path: string): Promise<{ ids: string[]; pages: number; largest: number; items: Item[] }> {
  const [ids, items]: [string[], Item[]] = [[], []];
  let [pages, largest] = [0, 0];
  for (let cursor: string | null | undefined = ''; cursor !== undefined && cursor !== null; pages++) {
    const { status, bytes, body } = await ask(`${path}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    expect(body.items.length).toBeGreaterThan(0);
    largest = Math.max(largest, bytes);
    ids.push(...body.items.map((item) => item.id));
    items.push(...body.items);
    cursor = body.nextCursor;
  }
  return { ids, pages, largest, items };
}

function letter(json: unknown, change: Partial<DeadLetterRecord> = {}): DeadLetterRecord {
  return {
    ...{ id: id(), queue: 'mails', target: 'Mails.send', args: { encoding: 'superjson', json } },
    ...{ replayable: true, notReplayable: [], redacted: [], reason: 'failed', attempts: [], fallbacks: [] },
    ...{ error: { name: 'Error', message: 'no' }, executionId: 'e', occurrences: 1 },
    ...{ firstFailedAt: 1, createdAt: 1, updatedAt: 1, status: 'pending', redrives: 0, maxRedrives: 5 },
    ...change,
  };
}

async function givenLetters(letters: readonly DeadLetterRecord[]): Promise<string[]> {
  const store = sqliteStore({ file: file() });
  await store.init?.();
  for (const record of letters) await store.add(record);
  await store.close?.();
  await start();
  return letters.map((record) => record.id).reverse();
}

describe('a list of dead letters', () => {
  it('of three with 24 to 30 MB of small values each shows excerpts, and has the whole of one where one is asked for', async () => {
    const sizes = [24, 27, 30];
    const ids = await givenLetters(
      sizes.map((mb) => letter([Array.from({ length: (mb * MB) / 8 }, () => ({ a: 1 }))])),
    );

    const list = await measured('3 x 24-30 MB', () => ask('/dead-letters'));

    expect(list.result.body.items.map((item) => item.id)).toEqual(ids);
    for (const item of list.result.body.items) expect(item).toMatchObject({ excerpt: true, replayable: true });
    expect(list.result.bytes).toBeLessThan(300_000);
    expect(list.silentMs).toBeLessThan(MAX_SILENT_MS);
    const one = await measured('one of 24 MB', () => ask(`/dead-letters/${ids[2]}`));
    expect(one.result.body.excerpt).toBeUndefined();
    expect(one.result.body.args[0]).toHaveLength((24 * MB) / 8);
  });

  it('of forty with 25 MB does not end the process', async () => {
    const ids = await givenLetters(Array.from({ length: 40 }, () => letter(['x'.repeat(25 * MB)])));

    const list = await measured('40 x 25 MB', () => walk('/dead-letters?limit=1000'));

    expect(list.result.ids).toEqual(ids);
    expect(list.result.largest).toBeLessThan(4.5 * MB);
    expect(list.silentMs).toBeLessThan(MAX_SILENT_MS);
    const exported = await measured('40 x 25 MB exported', () => lengthOf('/dead-letters/export'));
    expect(exported.result).toBeGreaterThan(40 * 25 * MB);
    expect(exported.silentMs).toBeLessThan(MAX_SILENT_MS);
  });

  it('of 240 mails of 180 KB comes in pages of 4 MB that leave nothing out', async () => {
    const ids = await givenLetters(Array.from({ length: 240 }, (_, index) => letter([{ index, mail: randomBytes(90_000).toString('hex') }]))); // prettier-ignore

    for (const query of ['limit=1000', 'limit=1000&order=oldest', 'limit=7', 'limit=50']) {
      const list = await measured(`240 x 180 KB, ${query}`, () => walk(`/dead-letters?${query}`));

      expect(list.result.ids).toEqual(query.includes('oldest') ? ids.toReversed() : ids);
      expect(list.result.largest).toBeLessThan(4.5 * MB);
      expect(list.silentMs).toBeLessThan(MAX_SILENT_MS);
    }
  });
});

describe('a list of executions', () => {
  it('with inputs and outputs of 1 MB, and a ledger of 60 nodes of 1 MB, hold nobody up', async () => {
    const store = sqliteExecutionStore({ file: file() });
    await store.init?.();
    const value = () => ({ text: 'y'.repeat(MB - 100) });
    const begun = Date.now() - 1_000;
    const ids: string[] = [];
    for (let index = 0; index < 60; index++) {
      const record = { id: id(), workflow: 'document-analysis', version: '1', status: 'running', owner: 'o' } as const;
      await store.create({ ...record, input: value(), inputHash: 'h', createdAt: begun, resumes: 0, degraded: false, totals: NO_TOTALS }); // prettier-ignore
      const node = { status: 'succeeded', result: value(), optional: false, startedAt: begun, fallbackLevel: 0, degraded: false, attempts: [], attemptCount: 1, retryCount: 0 } as const; // prettier-ignore
      if (index === 0)
        for (let n = 0; n < 60; n++)
          await store.checkpoint(
            { id: record.id, owner: 'o', fence: 0 },
            { ...node, finishedAt: begun + n + 1, node: `n${n}` },
          );
      await store.finish({ id: record.id, owner: 'o', fence: 0 }, { status: 'succeeded', output: value(), degraded: false, finishedAt: begun + 100, totals: NO_TOTALS }); // prettier-ignore
      ids.unshift(record.id);
    }
    await store.close?.();
    await start();

    const list = await measured('60 executions of 2 MB', () => walk('/executions?limit=500'));

    expect(list.result.ids).toEqual(ids);
    expect(list.silentMs).toBeLessThan(MAX_SILENT_MS);
    const one = await measured('a ledger of 62 MB', () => ask(`/executions/${ids.at(-1)}`));
    expect(one.result.body.nodes.map(({ node }) => node)).toEqual(Array.from({ length: 60 }, (_, n) => `n${n}`)); // prettier-ignore
    expect(one.result.body.nodes[59]?.result.text).toHaveLength(MB - 100);
    expect(one.silentMs).toBeLessThan(MAX_SILENT_MS);
    const stream = await measured('its events', () => fetch(`${service.url}/executions/${ids.at(-1)}/events`, { headers: { authorization: `Bearer ${TOKEN}` } }).then((answer) => answer.text())); // prettier-ignore
    expect(stream.result.match(/^event: node\./gm)).toHaveLength(60);
    expect(stream.silentMs).toBeLessThan(MAX_SILENT_MS);
  });
});
