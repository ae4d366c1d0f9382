// Runs one list of requests, each to a server of its parent, who kills it.
// argv: database file, address of the server, items of the execution to submit; 0: only goes on with what was left, and ends with it
import { writeSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ResilienceModule } from '@nest-resilience/core';
import { sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';
import { workflow, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';

const [file, url, count] = process.argv.slice(2);
const batch = workflow('batch')
  .node('list', { transform: '[1..input.count]' })
  .node('label', {
    after: 'list',
    each: { items: 'list', partial: true, concurrency: 20, http: { url: `${url}/{{ item }}` } },
  });

class App {}
Module({
  imports: [
    ResilienceModule.forRoot({ deadLetter: { store: sqliteStore({ file }) } }),
    WorkflowModule.forRoot({
      http: false,
      definitions: [batch],
      store: sqliteExecutionStore({ file }),
      requests: { allow: [new URL(url).host] },
    }),
  ],
})(App);

const app = await NestFactory.createApplicationContext(App, { logger: false });
const workflows = app.get(WorkflowService);
if (Number(count) > 0) {
  const { id } = await workflows.start('batch', { count: Number(count) });
  writeSync(1, `${id}\n`);
}
while ((await workflows.list()).items.some(({ status }) => status === 'queued' || status === 'running'))
  await new Promise((resolve) => setTimeout(resolve, 50));
await app.close();
