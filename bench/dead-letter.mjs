/** What it costs to keep a dead letter on disk, in an empty file and in one of a million, and to find one there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DeadLetterService, systemClock } from '@nest-resilience/core';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import { sqliteStore } from '@nest-resilience/store-sql';

import { atLeast, atMost, report } from './harness/report.mjs';
import { Results } from './harness/statistics.mjs';

const MILLION = 1_000_000;
const CALLERS = 100;
const ROUNDS = 25;
const REDRIVEN = 2_000;
const AT_ONCE = 50;
const WARM_UP_ROUNDS = 5;
const QUEUES = ['orders', 'invoices', 'mails', 'reports', 'default'];
const ERRORS = ['TimeoutError', 'CircuitOpenError', 'TypeError', 'QuotaError'];
let made = 0;

const directory = mkdtempSync(join(tmpdir(), 'dead-letter-bench-'));
const store = sqliteStore({ file: join(directory, 'dead-letters.db') });
try {
  await store.init();
  acknowledged(await additions(), 'an empty store');
  await fill(MILLION);
  acknowledged(await additions(), '1,000,000 others');
  pages(await pageTimes());
  redriven(await redrives());
} finally {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
}

/** Callers that add one after the other, as methods that fail do; microseconds an entry. */
async function additions() {
  const results = new Results();
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const together = await perEntry(CALLERS, 50);
    const alone = await perEntry(1, 300);
    if (round < 0) continue;
    results.add('ours: 100 callers share commits', together);
    results.add('one caller: one fsync an entry', alone);
  }
  return results;
}

async function perEntry(callers, each) {
  // In the order in which they will be added: ids are made when calls fail, so they arrive sorted, or nearly so.
  const records = Array.from({ length: callers }, () => []);
  for (let i = 0; i < each; i++) for (const mine of records) mine.push(newRecord());
  const startedAt = performance.now();
  await Promise.all(
    records.map(async (mine) => {
      for (const record of mine) await store.add(record);
    }),
  );
  return ((performance.now() - startedAt) * 1_000) / (callers * each);
}

function acknowledged(results, among) {
  const [ours, alone] = results.names;
  report({
    what: `Dead letters acknowledged on disk (SQLite, synchronous=FULL), among ${among}`,
    unit: 'us',
    ours,
    results,
    goals: [
      atLeast(20_000, 1e6 / results.median(ours), 'entries a second by 100 callers', '/s', 1e6 / results.min(ours)),
      atLeast(4, results.ratio(alone, ours), 'as many as with one fsync an entry', 'x'),
    ],
  });
}

async function pageTimes() {
  const cursor = idOf(made - MILLION / 2);
  const queries = {
    'ours: a page of one queue and status': { queue: 'orders', status: 'pending', cursor },
    'a page of everything': { cursor },
    'a page of one queue': { queue: 'orders', cursor },
    'a page of one status': { status: 'pending', cursor },
    'a page of one target': { target: 'Service7.call', cursor },
    'a page of one error': { errorName: 'QuotaError', cursor },
    'the first page': { queue: 'orders', status: 'pending' },
  };
  const results = new Results();
  for (let round = -WARM_UP_ROUNDS; round < 200; round++) {
    for (const [name, query] of Object.entries(queries)) {
      const startedAt = performance.now();
      const { items } = await store.list({ ...query, limit: 50 });
      const ms = performance.now() - startedAt;
      if (items.length !== 50) throw new Error(`${name}: ${items.length} entries`);
      if (round >= 0) results.add(name, ms);
    }
  }
  return results;
}

function pages(results) {
  const slowest = Math.max(...results.names.map((name) => results.median(name)));
  report({
    what: 'Page of 50 among 1,000,000 dead letters, from the middle',
    unit: 'ms',
    ours: results.names[0],
    results,
    goals: [atMost(5, slowest, 'the slowest filter', ' ms')],
  });
}

/** Batches of entries whose methods answer at once; microseconds an entry. */
async function redrives() {
  const service = new DeadLetterService({
    ...{ store, clock: systemClock, events: { listens: () => false, emit() {} } },
    replay: () => Promise.resolve(),
  });
  const results = new Results();
  for (let round = 0; round < 5; round++) {
    for (const [name, concurrency] of Object.entries({ [`ours: ${AT_ONCE} at once`]: AT_ONCE, 'one at a time': 1 })) {
      const options = { concurrency, ratePerSecond: 10_000, limit: REDRIVEN };
      const startedAt = performance.now();
      const { resolved } = await service.redriveAll({ queue: 'orders' }, options);
      if (resolved !== REDRIVEN) throw new Error(`${resolved} of ${REDRIVEN} were redriven`);
      results.add(name, ((performance.now() - startedAt) * 1_000) / REDRIVEN);
    }
  }
  return results;
}

function redriven(results) {
  const [ours] = results.names;
  report({
    what: 'Dead letters redriven on disk (SQLite), among 1,000,000 others',
    unit: 'us',
    ours,
    results,
    goals: [atLeast(1_000, 1e6 / results.median(ours), 'entries a second', '/s', 1e6 / results.min(ours))],
  });
}

async function fill(count) {
  const startedAt = performance.now();
  for (let left = count; left > 0; left -= 500) {
    await Promise.all(Array.from({ length: Math.min(left, 500) }, () => store.add(newRecord())));
  }
  console.log(`\n${count} entries in ${Math.round((performance.now() - startedAt) / 1_000)} s`);
}

function idOf(serial) {
  return `01900000-0000-7000-8000-${serial.toString(16).padStart(12, '0')}`;
}

/** Every filter finds hundreds of thousands, spread over the whole file. */
function newRecord() {
  const serial = ++made;
  const name = ERRORS[serial % ERRORS.length];
  return deadLetterRecord({
    id: idOf(serial),
    queue: QUEUES[serial % QUEUES.length],
    target: `Service${serial % 10}.call`,
    error: { name, message: `No answer to ${serial}`, stack: `${name}: No answer\n    at call (file.js:1:1)` },
    status: serial % 7 === 0 ? 'resolved' : 'pending',
    ...(serial % 7 === 0 && { closedAt: 1_800_000_000_000 + serial }),
    createdAt: 1_800_000_000_000 + serial,
  });
}
