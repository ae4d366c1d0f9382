/** What asking a ledger and forgetting in it cost as it grows, and how long each holds up the event loop. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearImmediate, setImmediate } from 'node:timers';

import { sqliteExecutionStore } from '@nest-resilience/store-sql';
import { executionRecord, nodeRecord } from '@nest-resilience/workflow/testing';

import { atMost, report } from './harness/report.mjs';
import { Results } from './harness/statistics.mjs';

/** Executions in the ledger. `node bench/ledger.mjs 1000000`: others than these. */
const SIZES = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000, 10_000, 100_000];
const ROUNDS = 40;
const WARM_UP_ROUNDS = 5;
const CALLERS = 100;
const WORKFLOWS = ['receipts', 'triage', 'reports', 'mails'];
/** By the clock, one second an execution. */
const EPOCH = 1_800_000_000_000;
const TOTALS = { nodes: 2, attempts: 3, retries: 1, fallbacks: 0, inputTokens: 900, outputTokens: 80, costUsd: 0.002 };

for (const size of SIZES) await measure(size);

async function measure(size) {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-bench-'));
  const store = sqliteExecutionStore({ file: join(directory, 'ledger.db') });
  try {
    await store.init();
    await fill(store, size);
    const { times, silences } = await asked(store);
    await forgotten(store, size, times, silences);
    row(`Asking a ledger of ${size} executions, and forgetting in it`, times);
    row(`The same ${size}: the longest that the event loop stood still`, silences, [
      atMost(5, Math.max(...silences.names.map((name) => silences.median(name))), 'the longest', ' ms'),
    ]);
  } finally {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What people and programs ask all day. */
async function asked(store) {
  const acts = {
    'metrics of a workflow': () => store.sums('receipts'),
    'the first page': () => store.list({}),
    'a page of one workflow': () => store.list({ workflow: 'triage' }),
    'a status that hardly any of a workflow has': () => store.list({ workflow: 'mails', status: 'failed' }),
    'what is unfinished': () => store.unfinished(),
    'forgetting where nothing is old': () => store.prune(EPOCH - 1, 500),
  };
  const [times, silences] = [new Results(), new Results()];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [name, act] of Object.entries(acts)) await sample(name, act, round < 0 ? [] : [times, silences]);
  }
  return { times, silences };
}

/** A sweep of what is too old, a tenth of the ledger, in the batches of the service. */
async function forgotten(store, size, times, silences) {
  const before = EPOCH + (size / 10) * 1_000;
  for (let left = true; left;) {
    await sample('forgetting 50', async () => (left = (await store.prune(before, 50)) === 50), [times, silences]);
  }
}

async function sample(name, act, [times, silences]) {
  let last = reading();
  let worst = 0;
  let next = setImmediate(tick);
  function tick() {
    const now = reading();
    // What the machine gave to others is none of its doing.
    worst = Math.max(worst, Math.min(now.wall - last.wall, now.cpu - last.cpu));
    last = now;
    next = setImmediate(tick);
  }
  const begun = last.wall;
  await act();
  const took = performance.now() - begun;
  await new Promise((resolve) => setImmediate(resolve));
  clearImmediate(next);
  times?.add(name, took);
  silences?.add(name, worst);
}

function reading() {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now(), cpu: (user + system) / 1_000 };
}

function row(what, results, goals = []) {
  report({ what, unit: 'ms', ours: results.names[0], results, goals });
}

async function fill(store, size) {
  const begun = performance.now();
  let made = 0;
  const caller = async () => {
    while (made < size) {
      const serial = ++made;
      const createdAt = EPOCH + serial * 1_000;
      const { execution } = await store.create(executionRecord({ workflow: WORKFLOWS[serial % 4], createdAt }));
      await Promise.all(
        ['read', 'write'].map((node) =>
          store.checkpoint({ id: execution.id, owner: 'me', fence: 0 }, nodeRecord(node)),
        ),
      );
      await store.finish({ id: execution.id, owner: 'me', fence: 0 }, ended(serial, createdAt));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const perSecond = Math.round((size * 1_000) / (performance.now() - begun));
  console.log(`\n${size} executions of two nodes, ${perSecond} a second`);
}

function ended(serial, createdAt) {
  // Of the last workflow one execution has failed, of the others every ninth.
  const status = serial === 3 || (serial % 9 === 0 && serial % 4 !== 3) ? 'failed' : 'succeeded';
  const finishedAt = createdAt + 20 + ((serial * 7_919) % 4_000);
  return { status, output: { done: true }, degraded: false, finishedAt, totals: TOTALS };
}
