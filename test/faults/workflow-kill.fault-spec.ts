import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sqliteExecutionStore } from '@nest-resilience/store-sql';
import type { ExecutionLedger, ExecutionStore } from '@nest-resilience/workflow';

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 10);

let directory: string;
let file: string;
let effects: string;

beforeAll(() => {
  for (const lib of ['resilience', 'store-sql', 'workflow']) {
    const dist = fileURLToPath(new URL(`../../libs/${lib}/dist/index.js`, import.meta.url));
    if (!existsSync(dist))
      throw new Error(`${dist} is missing: run \`npm run build\` first, the killed processes run what is built`);
  }
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'workflow-kill-'));
  file = join(directory, 'ledger.db');
  effects = join(directory, 'effects.log');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function start(executions: number) {
  const path = fileURLToPath(new URL('./children/workflow-runner.mjs', import.meta.url));
  return spawn(process.execPath, [path, file, effects, String(executions)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills without warning after that many executions were accepted; returns all that were. */
async function killAfter(accepted: number): Promise<string[]> {
  const child = start(1_000_000);
  const closed = once(child, 'close');
  const ids: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    ids.push(line);
    if (ids.length === accepted) child.kill('SIGKILL');
  }
  await closed;
  // A line cut in two by the kill is no acknowledgement.
  return ids.filter((id) => id.length === 36);
}

async function withLedger<T>(look: (store: ExecutionStore) => Promise<T>): Promise<T> {
  const store = sqliteExecutionStore({ file });
  try {
    return await look(store);
  } finally {
    await store.close?.();
  }
}

async function everything(store: ExecutionStore): Promise<ExecutionLedger[]> {
  const ledgers: ExecutionLedger[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ limit: 500, ...(cursor !== undefined && { cursor }) });
    for (const { id } of page.items) ledgers.push((await store.get(id))!);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return ledgers;
}

const ranNodes = (): string[] => (existsSync(effects) ? readFileSync(effects, 'utf8').split('\n').slice(0, -1) : []);

describe('a process that runs workflows and is killed without warning', () => {
  it(`ends every accepted execution, and no finished node runs again, over ${ROUNDS} kills`, async () => {
    const accepted: string[] = [];
    const finished = new Set<string>();
    let seen = 0;
    let again = 0;

    const inspect = async (): Promise<void> => {
      const ran = ranNodes();
      again += ran.slice(seen).filter((line) => finished.has(line)).length;
      seen = ran.length;
      for (const { id, nodes } of await withLedger(everything))
        for (const { node } of nodes) finished.add(`${id} ${node}`);
    };
    for (let round = 0; round < ROUNDS; round++) {
      accepted.push(...(await killAfter(3 + ((round * 7) % 20))));
      await inspect();
    }
    const last = start(0);
    last.stdout.resume();
    const [code] = (await once(last, 'close')) as [number | null];
    await inspect();

    const ledgers = await withLedger(everything);
    const repeated = ranNodes().length - new Set(ranNodes()).size;
    process.stdout.write(
      `kills ${ROUNDS}, accepted ${accepted.length}, ended ${ledgers.filter(({ status }) => status === 'succeeded').length} of ${ledgers.length}, ` +
        `nodes ${finished.size}, begun twice because a kill came before their checkpoint ${repeated}, finished ones that ran again ${again}\n`,
    );
    expect(code).toBe(0);
    expect(again).toBe(0);
    expect(ledgers.filter(({ status }) => status !== 'succeeded')).toEqual([]);
    expect(accepted.filter((id) => !ledgers.some((ledger) => ledger.id === id))).toEqual([]);
    for (const { nodes, output } of ledgers) {
      expect(nodes.map(({ node }) => node).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(output).toEqual({ e: { node: 'e', before: ['a', 'b', 'c', 'd'] } });
    }
  });
});
