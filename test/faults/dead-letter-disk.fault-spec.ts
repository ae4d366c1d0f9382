import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type DeadLetterStore, DeadLetterWriter, systemClock } from '@nest-resilience/core';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import { sqliteStore } from '@nest-resilience/store-sql';
import { isOpenToAll, serverAccount } from '../servers/account.js';
import { requireBuilt } from './built.js';

const CALLS = 2_000;
const CHILD = fileURLToPath(new URL('./children/dead-letter-disk.mjs', import.meta.url));
const silent = { warn: () => undefined, error: () => undefined };

interface Answer {
  readonly order: string;
  /** The caller got the error that its method threw. */
  readonly original: boolean;
  /** What health says about the store. */
  readonly degraded: boolean;
  readonly id?: string;
}

let directory: string;
let file: string;
let spill: string;
let store: DeadLetterStore | undefined;

beforeAll(() => requireBuilt('resilience', 'store-sql'));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dead-letter-disk-'));
  file = join(directory, 'data', 'dead-letters.db');
  spill = join(directory, 'data', 'spill');
});

afterEach(async () => {
  await store?.close?.();
  store = undefined;
  chmodSync(directory, 0o700);
  rmSync(directory, { recursive: true, force: true });
});

interface Run {
  readonly code: number | null;
  readonly lines: readonly unknown[];
}

/** @param maxFileKiB no file of the process may become longer: writing further fails, as on a disk that is full */
async function run(
  args: readonly string[],
  { maxFileKiB, account = {} }: { maxFileKiB?: number; account?: ReturnType<typeof serverAccount> } = {},
): Promise<Run> {
  const node = [process.execPath, CHILD, file, spill, ...args];
  const command =
    maxFileKiB === undefined ? node : ['bash', '-c', `ulimit -f ${maxFileKiB}; exec "$@"`, 'bash', ...node];
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'], ...account });
  const closed = once(child, 'close');
  const lines: unknown[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(JSON.parse(line));
  const [code] = (await closed) as [number | null];
  return { code, lines };
}

function answersOf({ code, lines }: Run): Answer[] {
  expect([code, lines.at(-1)]).toEqual([0, 'closed']);
  return lines.slice(0, -1) as Answer[];
}

/** The process that comes after, with a disk that works. */
async function recover(): Promise<{ ids: Set<string>; degraded: boolean }> {
  store = sqliteStore({ file });
  const writer = new DeadLetterWriter({ store, clock: systemClock, spillDirectory: spill, log: silent });
  await writer.readBack();
  await writer.close();
  const ids = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await store.list({ limit: 1_000, ...(cursor !== undefined && { cursor }) });
    for (const { id } of page.items) ids.add(id);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return { ids, degraded: writer.degraded };
}

describe('a process whose disk is full', () => {
  it('gives every caller its own error, and loses nothing that it acknowledged', async () => {
    const answers = answersOf(await run([String(CALLS)], { maxFileKiB: 1_024 }));

    const { ids, degraded } = await recover();
    const acknowledged = answers.filter(({ id }) => id !== undefined);
    process.stdout.write(
      `disk full: ${answers.length} calls, ${answers.filter(({ original }) => original).length} got their own error, ` +
        `${acknowledged.length} acknowledged, ${acknowledged.filter(({ id }) => !ids.has(id!)).length} of them missing\n`,
    );
    expect(answers).toHaveLength(CALLS);
    expect(answers.every(({ original }) => original)).toBe(true);
    expect(acknowledged.filter(({ id }) => !ids.has(id!))).toEqual([]);
    // Some fit in before the disk was full, and some did not: otherwise nothing was tried.
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.length).toBeLessThan(CALLS);
    expect(degraded).toBe(false);
  });
});

describe('a directory that may only be read', () => {
  // Permissions do not bind root: a suite that runs as root starts the process as `nobody`, who must be able to read it.
  const account = serverAccount();
  const possible = account.uid === undefined || isOpenToAll(fileURLToPath(new URL('../..', import.meta.url)));
  if (!possible)
    process.stderr.write('\nSKIPPED: `nobody` cannot read this working copy, so nothing is read-only here.\n\n');
  const test = possible ? it : it.skip;

  test('keeps an application from starting, with the name of the file', async () => {
    chmodSync(directory, 0o555);

    const { code, lines } = await run(['10'], { account });

    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringContaining(`The SQLite file '${file}' cannot be opened`)]);
  });

  test('gives every caller of a running one its own error, no id for what is nowhere, and loses nothing else', async () => {
    if (account.uid !== undefined && account.gid !== undefined) chownSync(directory, account.uid, account.gid);

    const answers = answersOf(await run(['60', 'read-only'], { account }));

    const { ids, degraded } = await recover();
    const [before, after] = [answers.slice(0, 10), answers.slice(10)];
    process.stdout.write(
      `read-only directory: ${answers.length} calls, ${answers.filter(({ original }) => original).length} got their own ` +
        `error, ${before.length} acknowledged before and ${before.filter(({ id }) => !ids.has(id!)).length} of them missing\n`,
    );
    expect(answers).toHaveLength(60);
    expect(answers.every(({ original }) => original)).toBe(true);
    expect(before.every(({ id }) => id !== undefined && ids.has(id))).toBe(true);
    expect(after.every(({ id }) => id === undefined)).toBe(true);
    expect([before.at(-1)?.degraded, after.at(-1)?.degraded, degraded]).toEqual([false, true, false]);
  });
});

describe('a database that another process keeps locked', () => {
  it('delays no caller beyond the timeout and stops nothing else; the spill is read back once it is free', async () => {
    store = sqliteStore({ file });
    await store.init?.();
    const writer = new DeadLetterWriter({
      ...{ store, clock: systemClock, spillDirectory: spill, log: silent },
      storeTimeoutMs: 300,
    });
    const lock = lockedBy(file);
    let latest = performance.now();
    let stoppedFor = 0;
    const ticking = setInterval(() => {
      stoppedFor = Math.max(stoppedFor, performance.now() - latest);
      latest = performance.now();
    }, 5);

    const startedAt = performance.now();
    const written = await Promise.all(Array.from({ length: 100 }, () => writer.write(deadLetterRecord())));
    const waitedMs = performance.now() - startedAt;

    expect(written.every(({ kept }) => kept === 'spill')).toBe(true);
    expect(writer.degraded).toBe(true);
    lock.release();
    await writer.readBack();
    clearInterval(ticking);
    process.stdout.write(
      `locked database: 100 calls waited ${waitedMs.toFixed(0)} ms, the process stood still for ${stoppedFor.toFixed(0)} ms at most\n`,
    );
    expect(writer.degraded).toBe(false);
    expect(await store.count()).toMatchObject([{ status: 'pending', count: 100 }]);
    // SQLite's own waiting would have been seconds in one piece.
    expect(stoppedFor).toBeLessThan(2_000);
    await writer.close();
  });
});

function lockedBy(path: string): { release(): void } {
  const Database = createRequire(import.meta.url)('libsql') as new (path: string) => {
    exec(sql: string): void;
    close(): void;
  };
  const database = new Database(path);
  database.exec('begin immediate');
  return {
    release: () => {
      database.exec('rollback');
      database.close();
    },
  };
}
