import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DeadLetterService, type DeadLetterStore, DeadLetterWriter, systemClock } from '@nest-resilience/core';
import { sqliteStore } from '@nest-resilience/store-sql';

const ROUNDS = 5;
const silent = { warn: () => undefined, error: () => undefined };
const events = { listens: () => false, emit: () => undefined };

let directory: string;
let file: string;
let child: ChildProcess | undefined;
let store: DeadLetterStore | undefined;

beforeAll(() => {
  for (const lib of ['resilience', 'store-sql']) {
    const dist = fileURLToPath(new URL(`../../libs/${lib}/dist/index.js`, import.meta.url));
    if (!existsSync(dist))
      throw new Error(`${dist} is missing: run \`npm run build\` first, the killed processes run what is built`);
  }
});

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

/** Runs until that many ids were acknowledged, kills without warning and returns all that were acknowledged until then. */
async function killAfter(acknowledgements: number, ...args: string[]): Promise<string[]> {
  const process = start('dead-letter-writer.mjs', ...args);
  const closed = once(process, 'close');
  const ids: string[] = [];
  for await (const line of createInterface({ input: process.stdout! })) {
    ids.push(line);
    if (ids.length === acknowledgements) process.kill('SIGKILL');
  }
  await closed;
  // A line cut in two by the kill is no acknowledgement.
  return ids.filter((id) => id.length === 36);
}

async function missing(ids: string[]): Promise<string[]> {
  const absent = [];
  for (const id of ids) if (!(await store!.get(id))) absent.push(id);
  return absent;
}

describe('a process killed with SIGKILL', () => {
  it('has every dead letter on disk that it acknowledged', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      acknowledged.push(...(await killAfter(100 + 83 * round, file, '-')));
    }

    store = sqliteStore({ file });

    expect(await missing(acknowledged)).toEqual([]);
    // How many depends on the machine; that each round had some is what makes the count above mean anything.
    expect(acknowledged.length).toBeGreaterThan(ROUNDS);
    const stored = (await store.count()).reduce((sum, { count }) => sum + count, 0);
    process.stdout.write(`SIGKILL x${ROUNDS}: ${acknowledged.length} acknowledged, 0 missing, ${stored} stored\n`);
  });

  it('left in its spill files every dead letter that the store did not take, and another process reads them in', async () => {
    const spill = join(directory, 'spill');
    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round++) acknowledged.push(...(await killAfter(50 + 21 * round, '-', spill)));
    store = sqliteStore({ file });
    const writer = new DeadLetterWriter({ store, clock: systemClock, spillDirectory: spill, log: silent });

    await writer.readBack();

    await writer.close();
    expect(await missing(acknowledged)).toEqual([]);
    expect(readdirSync(spill)).toEqual([]);
    expect(writer.degraded).toBe(false);
  });

  it('gives back the entry it was redriving, which another process then takes', async () => {
    const [id] = await killAfter(1, file, '-');
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
