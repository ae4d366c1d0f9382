import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { sqliteExecutionStore } from '@nest-resilience/store-sql';
import { workflow, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';

let directory: string;
const applications: INestApplication[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'two-applications-'));
});

afterEach(async () => {
  for (const application of applications.splice(0)) await application.close();
  rmSync(directory, { recursive: true, force: true });
});

/** One of several in this process, as a test runner or a monolith has them: with a store object of its own. */
async function start(ran: string[], name: string, ledger = 'ledger.db'): Promise<[INestApplication, WorkflowService]> {
  const work = workflow('work').node('a', { run: () => ran.push(name) });
  const store = sqliteExecutionStore({ file: join(directory, ledger) });
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(), WorkflowModule.forRoot({ definitions: [work], store })],
  })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  const application = module.createNestApplication();
  applications.push(application);
  await application.listen(0, '127.0.0.1');
  return [application, application.get(WorkflowService)];
}

async function done(service: WorkflowService): Promise<{ id: string }> {
  const { id } = await service.start('work', {});
  await service.wait(id);
  return { id };
}

it('two applications of one process: the second one reads the ledger, runs nothing, and takes over when the first has closed', async () => {
  const ran: string[] = [];
  const [first, one] = await start(ran, 'first');
  const [, two] = await start(ran, 'second');

  const { id } = await done(one);

  expect(await two.get(id)).toMatchObject({ status: 'succeeded' });
  await expect(two.start('work', {})).rejects.toMatchObject({
    code: 'RESILIENCE_EXECUTOR_ELSEWHERE',
    message: expect.stringContaining(`process ${process.pid}`),
  });

  await first.close();
  while (!(await done(two).catch(() => undefined))) await pause(50);

  expect(ran).toEqual(['first', 'second']);
});

it('two applications of one process with a ledger each both run', async () => {
  const ran: string[] = [];
  const [, one] = await start(ran, 'first', 'one.db');
  const [, two] = await start(ran, 'second', 'two.db');

  await done(one);
  await done(two);

  expect(ran).toEqual(['first', 'second']);
});
