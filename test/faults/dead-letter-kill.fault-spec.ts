import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DeadLetterService, type DeadLetterStore, DeadLetterWriter, systemClock } from '@nest-resilience/core';
import { sqliteStore } from '@nest-resilience/store-sql';
import { requireBuilt } from './built.js';

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 50);
const CALLERS = 100;
const SPILL_ROUNDS = Math.min(ROUNDS, 10);
const silent = { warn: () => undefined, error: () => undefined };
const events = { listens: () => false, emit: () => undefined };

let directory: string;
let file: string;
let child: ChildProcess | undefined;
let store: DeadLetterStore | undefined;

beforeAll(() => requireBuilt('resilience', 'store-sql'));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dead-letter-kill-'));
  file = join(directory, 'dead-letters.db');
});

afterEach(async () => {
  child?.kill('SIGKILL');
  await store?.close?.();
  store = undefined;
  rmSync(directory, { recursive: true, force: true });
});

function start(script: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(`./children/${script}`, import.meta.url));
  child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  return child;
}

/** Ids by the execution whose failure they were given for. */
type Acknowledged = Map<string, string>;

/** Runs until that many ids were acknowledged, kills without warning and returns all that were acknowledged until then. */
async function killAfter(acknowledgements: number, ...args: string[]): Promise<Acknowledged> {
  const process = start('dead-letter-writer.mjs', ...args);
  const closed = once(process, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stdout! })) {
    lines.push(line);
    if (lines.length === acknowledgements) process.kill('SIGKILL');
  }
  await closed;
  // A line cut in two by the kill is no acknowledgement: an id has 36 characters, a pid and two counters follow.
  const whole = lines.filter((line) => /^[-0-9a-f]{36} \d+-\d+-\d+$/.test(line));
  return new Map(whole.slice(0, -1).map((line) => [line.slice(37), line.slice(0, 36)]));
}

/** Every entry in the store, by its execution; fails when an execution has two. */
async function stored(): Promise<Acknowledged> {
  const found: Acknowledged = new Map();
  let cursor: string | undefined;
  do {
    const page = await store!.list({ limit: 1_000, ...(cursor !== undefined && { cursor }) });
    for (const { id, executionId, args, error } of page.items) {
      if (found.has(executionId)) throw new Error(`${executionId} was stored twice`);
      const [argument] = args.json as [{ order: string; text: string }];
      if (argument.order !== executionId || argument.text !== 'x'.repeat(500) || error.name !== 'Error')
        throw new Error(`${id} is corrupt`);
      found.set(executionId, id);
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

function integrityOf(path: string): unknown {
  const Database = createRequire(import.meta.url)('libsql') as new (path: string) => {
    prepare(sql: string): { all(parameters: unknown[]): unknown[] };
    close(): void;
  };
  const database = new Database(path);
  const [result] = database.prepare('pragma integrity_check').all([]);
  database.close();
  return Object.values(result as object)[0];
}

describe('a process killed with SIGKILL', () => {
  it(`has every dead letter on disk that it acknowledged, once and whole, over ${ROUNDS} kills`, async () => {
    const acknowledged: Acknowledged = new Map();
    for (let round = 0; round < ROUNDS; round++) {
      const some = await killAfter(100 + ((83 * round) % 900), file, '-', String(CALLERS));
      for (const [execution, id] of some) acknowledged.set(execution, id);
    }

    store = sqliteStore({ file });
    const found = await stored();

    const missing = [...acknowledged].filter(([execution, id]) => found.get(execution) !== id);
    process.stdout.write(
      `SIGKILL x${ROUNDS} under ${CALLERS} failing calls: ${acknowledged.size} acknowledged, ${missing.length} missing, ` +
        `${found.size} stored, 0 twice, 0 corrupt\n`,
    );
    expect(missing).toEqual([]);
    expect(integrityOf(file)).toBe('ok');
    // How many depends on the machine; that each round had some is what makes the count above mean anything.
    expect(acknowledged.size).toBeGreaterThan(ROUNDS * 90);
  });

  it('left in its spill files every dead letter that the store did not take, and another process reads them in', async () => {
    const spill = join(directory, 'spill');
    const acknowledged: Acknowledged = new Map();
    for (let round = 0; round < SPILL_ROUNDS; round++) {
      const some = await killAfter(50 + 21 * round, '-', spill, '8');
      for (const [execution, id] of some) acknowledged.set(execution, id);
    }
    store = sqliteStore({ file });
    const writer = new DeadLetterWriter({ store, clock: systemClock, spillDirectory: spill, log: silent });

    await writer.readBack();

    await writer.close();
    const found = await stored();
    expect([...acknowledged].filter(([execution, id]) => found.get(execution) !== id)).toEqual([]);
    expect(readdirSync(spill)).toEqual([]);
    expect(writer.degraded).toBe(false);
  });

  it('gives back the entry it was redriving, which another process then takes', async () => {
    const [id] = (await killAfter(20, file, '-', '8')).values();
    const leaseMs = 1_500;
    const holder = start('dead-letter-holder.mjs', file, id!, String(leaseMs));
    await once(holder.stdout!, 'data');
    store = sqliteStore({ file });
    const ran: string[] = [];
    const replay = (target: string) => Promise.resolve(void ran.push(target));
    const service = new DeadLetterService({ store, clock: systemClock, events, replay });
    await expect(service.redrive(id!)).rejects.toMatchObject({ code: 'RESILIENCE_DEAD_LETTER_LEASED' });

    holder.kill('SIGKILL');
    await once(holder, 'close');
    await untilFree(service, id!);

    const result = await service.redrive(id!);
    expect(result).toMatchObject({ outcome: 'resolved', redrives: 2 });
    expect(ran).toEqual(['OrderService.charge']);
  });
});

/** The lease runs on the clock of the wall: nothing but time frees it. */
async function untilFree(service: DeadLetterService, id: string): Promise<void> {
  do {
    await new Promise((resolve) => setTimeout(resolve, 100));
    await service.tidy();
  } while ((await service.get(id))?.status === 'redriving');
}
