import { describe, expect, it } from '@jest/globals';
import { describeExecutionStore, executionRecord } from '../testing/index.js';
import { MemoryExecutionStore } from './memory.store.js';

describeExecutionStore('memory', { describe, it }, { open: () => new MemoryExecutionStore() });

describe('the memory store', () => {
  it('makes room by forgetting the oldest ended execution, never an unfinished one', async () => {
    const store = new MemoryExecutionStore({ maxExecutions: 2 });
    const running = (await store.create(executionRecord())).execution;
    const done = (await store.create(executionRecord())).execution;
    await store.cancel(done.id, { finishedAt: 1 });

    const next = (await store.create(executionRecord())).execution;

    expect((await store.list({})).items.map(({ id }) => id)).toEqual([next.id, running.id]);
  });
});
