import 'reflect-metadata';
import { afterEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { DeadLetterService, ResilienceModule, Retry } from '@nest-resilience/core';
import {
  MemoryExecutionStore,
  Step,
  type StepContext,
  Workflow,
  WorkflowModule,
  WorkflowService,
} from '../../index.js';

@Injectable()
@Workflow('receipts')
class Receipts {
  readonly calls: string[] = [];

  @Retry({ maxRetries: 1, strategy: 'immediate', retryOn: () => true })
  @Step({ each: { items: 'input.urls', partial: true, concurrency: 1 }, deadLetter: true })
  read({ input, index, attempt, idempotencyKey }: StepContext<string>): string {
    this.calls.push(`${index} ${input} ${attempt} ${idempotencyKey.split(':').slice(1).join(':')}`);
    if (input === 'bad' || this.calls.length === 1) throw new Error(`unreadable: ${input}`);
    return input.toUpperCase();
  }

  @Step({ after: 'read', each: { items: 'read.successes', as: 'page' }, input: '$.page.result' })
  book({ input }: StepContext<string>): string {
    return `booked ${input}`;
  }
}

let module: TestingModule | undefined;

afterEach(() => module?.close());

it('a step runs once for each item of a list, with its decorators around each call', async () => {
  const store = new MemoryExecutionStore();
  module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(), WorkflowModule.forRoot({ store })],
    providers: [Receipts],
  }).compile();
  module = await module.init();
  const workflows = module.get(WorkflowService);

  const { id } = await workflows.start('receipts', { urls: ['a', 'bad', 'c'] });
  const ledger = await workflows.wait(id);

  expect(ledger).toMatchObject({ status: 'succeeded', output: { book: ['booked A', 'booked C'] } });
  expect(module.get(Receipts).calls).toEqual([
    ...['0 a 1 read:0', '0 a 1 read:0', '1 bad 1 read:1', '1 bad 1 read:1', '2 c 1 read:2'],
  ]);
  const { items } = await workflows.items(id, 'read');
  expect(items.map(({ status, attemptCount, retryCount }) => [status, attemptCount, retryCount])).toEqual([
    ['succeeded', 2, 1],
    ['failed', 2, 1],
    ['succeeded', 1, 0],
  ]);
  const letters = await module.get(DeadLetterService).list({});
  expect(letters.items).toMatchObject([{ id: items[1]?.deadLetterId, queue: 'workflow-items' }]);
});
