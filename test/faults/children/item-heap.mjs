// Runs one long list, and weighs the heap while it does. Needs --expose-gc. argv: database file, items.
// Says what it found as one line of JSON.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ResilienceModule } from '@nest-resilience/core';
import { sqliteExecutionStore } from '@nest-resilience/store-sql';
import { workflow, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';

const [file, items] = process.argv.slice(2);
const count = Number(items);
const SAMPLES = 20;
const heap = [];
let ended = 0;
const label = ({ input }) => {
  if (++ended % (count / SAMPLES) === 0) {
    globalThis.gc();
    heap.push(process.memoryUsage().heapUsed);
  }
  return { of: input, text: 'x'.repeat(700) };
};
const batch = workflow('batch')
  .node('list', { transform: `[1..${count}]` })
  .node('label', { after: 'list', each: { items: 'list', concurrency: 200, run: label }, input: '$.item' });

class App {}
Module({
  imports: [
    ResilienceModule.forRoot(),
    WorkflowModule.forRoot({ http: false, definitions: [batch], store: sqliteExecutionStore({ file }) }),
  ],
})(App);

const app = await NestFactory.createApplicationContext(App, { logger: false });
const workflows = app.get(WorkflowService);
const began = performance.now();
const { id } = await workflows.start('batch', {});
let execution;
do execution = await workflows.wait(id, { timeout: '60s' });
while (execution.status === 'running' || execution.status === 'queued');
const { status, output, totals } = execution;
const seconds = (performance.now() - began) / 1_000;
process.stdout.write(`${JSON.stringify({ status, output, totals, heap, seconds })}\n`);
await app.close();
