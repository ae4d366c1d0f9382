// An application that runs workflows over HTTP. Its parent kills, stops and doubles it.
// argv: JSON of { store: file or URL, effects: file to which each node writes that it runs, resume?, shutdown?, running?,
//   redis?: URL, one of several replicas, release?: 'new' has a workflow more, and another version of 'chain' }
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ClusterModule } from '@nest-resilience/cluster';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule } from '@nest-resilience/core/health';
import * as sql from '@nest-resilience/store-sql';
import { workflow, WorkflowModule } from '@nest-resilience/workflow';

const {
  store,
  effects,
  resume,
  shutdown = '10s',
  running = 60,
  redis,
  replicaId,
  release,
} = JSON.parse(process.argv[2]);

const open = {
  postgres: () => [sql.postgresStore({ url: store }), sql.postgresExecutionStore({ url: store })],
  mysql: () => [sql.mysqlStore({ url: store }), sql.mysqlExecutionStore({ url: store })],
  sqlite: () => [sql.sqliteStore({ file: store }), sql.sqliteExecutionStore({ file: store })],
};
const [deadLetters, executions] = open[/^(postgres|mysql):/.exec(store)?.[1] ?? 'sqlite']();

const note = ({ executionId, node }) => appendFileSync(effects, `${executionId} ${node} ${process.pid}\n`);
const step = async (context) => {
  note(context);
  const { signal, input, executionId, node } = context;
  if ((input.ms === null || input.fail === node) && !existsSync(`${effects}.mended`)) throw new Error('asked to fail');
  try {
    await pause(input.ms, undefined, { signal });
  } catch (error) {
    appendFileSync(`${effects}.aborted`, `${executionId} ${node} ${process.pid} ${Date.now()}\n`);
    throw error;
  }
  return node;
};
const DEATHS = {
  abort: () => process.abort(),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  exit: () => process.exit(1),
  segfault: () => process.kill(process.pid, 'SIGSEGV'),
  // Long after the call that began it: nobody can catch these.
  throw: () => setTimeout(() => { throw new Error('thrown to nobody'); }, 1), // prettier-ignore
  reject: () => void Promise.reject(new Error('rejected to nobody')),
  heap: () => {
    const full = [];
    for (;;) full.push(new Array(1_000).fill(full.length));
  },
};
const steps = workflow('steps')
  .node('a', { run: step })
  .node('b', { run: step, after: 'a' })
  .node('c', { run: step, after: 'b' });
const newer = release === 'new';
const chain = [...(newer ? 'abcdef' : 'abcde')].reduce(
  (made, node, place) => made.node(node, { run: step, ...(place > 0 && { after: 'abcdef'[place - 1] }) }),
  workflow('chain'),
);
const fresh = workflow('fresh').node('a', { run: step }).node('b', { run: step, after: 'a' });
const poison = workflow('poison')
  .node('before', { run: step })
  .node('deadly', {
    after: 'before',
    run: async (context) => {
      note(context);
      // In its first life it waits until all the others are at work beside it.
      const begun = () =>
        new Set(
          readFileSync(effects, 'utf8')
            .split('\n')
            .map((line) => line.slice(0, 36)),
        ).size - 1;
      while (begun() < context.input.beside) await pause(10);
      await pause(context.input.after ?? 0);
      DEATHS[context.input.way]();
      await pause(60_000);
    },
  });

class App {}
Module({
  imports: [
    ResilienceModule.forRoot({ deadLetter: { store: deadLetters } }),
    HealthModule.forRoot({ eventLoop: false }),
    AdminModule.forRoot({ token: 'a-token-for-the-faults' }),
    ...(redis === undefined ? [] : [ClusterModule.forRoot({ redis, ...(replicaId !== undefined && { replicaId }) })]),
    WorkflowModule.forRoot({
      http: 'open',
      definitions: [steps, chain, poison, ...(newer ? [fresh] : [])],
      store: executions,
      limits: { running, shutdown },
      ...(resume !== undefined && { resume }),
    }),
  ],
})(App);

const app = await NestFactory.create(App);
app.enableShutdownHooks(['SIGTERM']);
await app.listen(0, '127.0.0.1');
process.stdout.write(`listening on ${await app.getUrl()},\n`);
