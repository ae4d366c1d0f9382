/** What it costs to run a node: its checkpoint in the embedded store, and the engine around the function. */
import 'reflect-metadata';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ResilienceModule } from '@nest-resilience/core';
import { postgresExecutionStore, sqliteExecutionStore } from '@nest-resilience/store-sql';
import { MemoryExecutionStore, workflow, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';

import { startApplication } from './harness/application.mjs';
import { startPostgres } from './harness/postgres.mjs';
import { atLeast, atMost, report } from './harness/report.mjs';
import { Results } from './harness/statistics.mjs';
import { openWorkflow } from './peers/openworkflow.mjs';

const NODES = 20;
const AT_ONCE = 50;
const ROUNDS = 15;
const WARM_UP_ROUNDS = 3;
/** Rounds and runs a round on PostgreSQL, where the peer takes seconds. */
const SHARED = { rounds: 5, runs: 100 };

/** What every node does: nearly nothing, so that only what is around it is timed. */
const step = ({ input }) => Promise.resolve(input.n + 1);

let chain = workflow('chain', { deadLetter: false });
const plain = [];
for (let i = 0; i < NODES; i++) {
  chain = chain.node(`n${i}`, { run: step, ...(i > 0 && { after: `n${i - 1}` }) });
  plain.push(step);
}

const directory = mkdtempSync(join(tmpdir(), 'workflow-bench-'));
const onDisk = await engine(sqliteExecutionStore({ file: join(directory, 'ledger.db') }));
const inMemory = await engine(new MemoryExecutionStore({ maxExecutions: 1_000 }));
try {
  checkpoints(await measure({ 'ours: 50 runs at once': [onDisk, AT_ONCE], 'one run at a time': [onDisk, 1] }));
  overhead(
    await measure({
      'ours: a node, in memory': [inMemory, AT_ONCE],
      'the function alone': [bare(), AT_ONCE],
    }),
  );
} finally {
  await onDisk.close();
  await inMemory.close();
  rmSync(directory, { recursive: true, force: true });
}
const server = await startPostgres();
try {
  await againstPeer(server.url);
} finally {
  await server.stop();
}

/** The same chains by the engine that is nearest to ours: embedded, too, and with its state in SQL. Both on one PostgreSQL. */
async function againstPeer(url) {
  const results = new Results();
  const ours = await engine(postgresExecutionStore({ url }));
  const peer = await openWorkflow(url, { nodes: NODES, atOnce: AT_ONCE });
  const perNode = (ms) => (ms * 1_000) / (SHARED.runs * NODES);
  for (let round = -1; round < SHARED.rounds; round++) {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: SHARED.runs }, (_, n) => ours.run({ n })));
    const mine = performance.now() - startedAt;
    const theirs = await peer.round(SHARED.runs);
    if (round < 0) continue;
    results.add('ours: a node, on PostgreSQL', perNode(mine));
    results.add('openworkflow: a step, on PostgreSQL', perNode(theirs));
  }
  await ours.close();
  await peer.close();
  const [mine, theirs] = results.names;
  report({
    what: `Workflow nodes checkpointed in PostgreSQL, ${SHARED.runs} chains of ${NODES}, ${AT_ONCE} at once`,
    unit: 'us',
    ours: mine,
    results,
    goals: [atMost(1, results.ratio(mine, theirs), 'of OpenWorkflow', 'x')],
  });
}

/** Microseconds a node, of every contender in turn. */
async function measure(contenders) {
  const results = new Results();
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [name, [{ run }, atOnce]] of Object.entries(contenders)) {
      const each = atOnce === 1 ? 5 : 2;
      const startedAt = performance.now();
      await Promise.all(
        Array.from({ length: atOnce }, async (_, client) => {
          for (let n = 0; n < each; n++) await run({ n: client });
        }),
      );
      const us = ((performance.now() - startedAt) * 1_000) / (atOnce * each * NODES);
      if (round >= 0) results.add(name, us);
    }
  }
  return results;
}

function checkpoints(results) {
  const [ours, alone] = results.names;
  report({
    what: `Workflow nodes checkpointed on disk (SQLite, synchronous=FULL), chains of ${NODES}`,
    unit: 'us',
    ours,
    results,
    goals: [
      atLeast(2_000, 1e6 / results.median(ours), 'nodes a second by 50 runs', '/s'),
      atLeast(1, results.ratio(alone, ours), 'as many as by one run at a time', 'x'),
    ],
  });
}

function overhead(results) {
  const [inMemoryName, bareName] = results.names;
  const over = results.over(inMemoryName, bareName);
  report({
    what: 'The engine around the function of a node: input, attempt, record, checkpoint',
    unit: 'us',
    ours: inMemoryName,
    results,
    goals: [atLeast(2_000, 1e6 / over, 'nodes a second without the disk', '/s')],
  });
}

async function engine(store) {
  const application = await startApplication(
    [],
    [
      ResilienceModule.forRoot(),
      WorkflowModule.forRoot({ http: false, definitions: [chain], store, limits: { running: AT_ONCE } }),
    ],
  );
  const workflows = application.get(WorkflowService);
  return {
    async run(input) {
      const { id } = await workflows.start('chain', input);
      const { status, error } = await workflows.wait(id);
      if (status !== 'succeeded') throw new Error(`a run ${status}: ${error?.message}`);
    },
    close: () => application.close(),
  };
}

function bare() {
  return {
    async run(input) {
      for (const node of plain) await node({ input });
    },
  };
}
