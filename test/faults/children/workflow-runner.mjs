// Accepts executions and runs them. Its parent kills it.
// argv: database file, file to which each node writes that it runs, executions to accept
import { appendFileSync, writeSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ResilienceModule } from '@nest-resilience/core';
import { sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';
import { workflow, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';

const [file, effects, count] = process.argv.slice(2);
const note = async ({ executionId, node, results }) => {
  appendFileSync(effects, `${executionId} ${node}\n`);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
  return { node, before: Object.keys(results).sort() };
};
const diamond = workflow('diamond')
  .node('a', { run: note })
  .node('b', { run: note, after: 'a' })
  .node('c', { run: note, after: 'a' })
  .node('d', { run: note, after: ['b', 'c'] })
  .node('e', { run: note, after: 'd' });

class App {}
Module({
  imports: [
    ResilienceModule.forRoot({ deadLetter: { store: sqliteStore({ file }) } }),
    WorkflowModule.forRoot({
      http: false,
      definitions: [diamond],
      store: sqliteExecutionStore({ file }),
      limits: { running: 8 },
    }),
  ],
})(App);

const app = await NestFactory.createApplicationContext(App, { logger: false });
const workflows = app.get(WorkflowService);
for (let i = 0; i < Number(count); i++) {
  const { id } = await workflows.start('diamond', { i }, { idempotencyKey: `${process.pid}-${i}` });
  // Written only now: whoever reads the id holds a promise.
  writeSync(1, `${id}\n`);
}
if (Number(count) === 0) {
  while (workflows.load.running + workflows.load.queued > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await app.close();
}
