import { afterEach, describe, expect, it } from '@jest/globals';
import { createPolicy, ShutdownWait, systemClock } from '@nest-resilience/core';
import { buildWorkflow } from '../graph/build.js';
import type { EachAction, NodeDraft, WorkflowDraft } from '../graph/draft.js';
import type { StepContext } from '../graph/step-context.js';
import type { ExecutionLedger } from '../ledger/execution.js';
import type { ExecutionStore } from '../ledger/execution-store.js';
import { type ItemRecord, itemsOf } from '../ledger/items.js';
import { MemoryExecutionStore } from '../ledger/memory.store.js';
import type { LlmPort } from '../llm.port.js';
import { HandlerTable } from '../registry/handlers.js';
import { WorkflowRegistry } from '../registry/workflow-registry.js';
import { RequestClient } from '../request/request.client.js';
import { readRequestOptions } from '../request/request.options.js';
import { DEFAULT_WORKFLOW_LIMITS, type WorkflowLimits } from '../workflow.limits.js';
import { Executor } from './executor.js';

type Run = (context: StepContext) => unknown;

const executors: Executor[] = [];

afterEach(async () => {
  await Promise.all(executors.splice(0).map((executor) => executor.dispatcher.shutdown()));
});

interface Setting {
  readonly store?: ExecutionStore;
  readonly limits?: Partial<WorkflowLimits>;
  readonly llm?: LlmPort;
}

function executorOf(drafts: WorkflowDraft[], { store = new MemoryExecutionStore(), limits, llm }: Setting = {}) {
  const registry = new WorkflowRegistry();
  registry.load(drafts.map(buildWorkflow), [], { handlerProblem: () => undefined, hasLlm: llm !== undefined });
  const deadLetters: string[] = [];
  const executor: Executor = new Executor({
    ...{ store, registry, handlers: new HandlerTable({}, () => []), llm },
    ...{
      clock: systemClock,
      closing: new ShutdownWait(systemClock),
      limits: { ...DEFAULT_WORKFLOW_LIMITS, ...limits },
    },
    requests: new RequestClient(readRequestOptions(undefined), systemClock),
    createPolicy: (definition, node) =>
      createPolicy({ name: `${definition.name}.${node?.name ?? ''}`, ...(node ?? definition).policies.options }),
    driveWithDeadLetter: (_workflow, id) => executor.dispatcher.drive(id),
    keepNode: () => Promise.resolve(undefined),
    keepItem: (_workflow, _id, node, index) => {
      deadLetters.push(`${node}:${index}`);
      return Promise.resolve(`dl-${node}:${index}`);
    },
    report: () => undefined,
  });
  executors.push(executor);
  const ended = async (id: string): Promise<ExecutionLedger> => {
    const now = await store.get(id);
    if (now && now.status !== 'queued' && now.status !== 'running') return now;
    await new Promise<void>((resolve) => executor.dispatcher.onEnd(id, resolve));
    return ended(id);
  };
  const run = async (input: unknown, workflow = drafts[0]!.name) =>
    ended((await executor.start(workflow, input)).execution.id);
  return { executor, store, run, ended, deadLetters };
}

const each = (name: string, run: Run, how: Partial<EachAction> = {}, settings: Partial<NodeDraft> = {}): NodeDraft => ({
  ...{ name, action: { type: 'each', each: { items: 'input', ...how, action: { type: 'run', run } } } },
  ...settings,
});

async function rowsOf(store: ExecutionStore, id: string, node: string, step = ''): Promise<ItemRecord[]> {
  const rows: ItemRecord[] = [];
  for await (const row of itemsOf(store.items!, id, { node, step })) rows.push(row);
  return rows;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const node = (ledger: ExecutionLedger, name: string) => ledger.nodes.find((record) => record.node === name)!;

/** A step that hangs from an item on, until the test lets it go. */
function hangingFrom(first: number, run: Run) {
  let arrive!: () => void;
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  const ran: number[] = [];
  const step: Run = (context) => {
    ran.push(context.index!);
    if (context.index! < first) return run(context);
    arrive();
    return new Promise(() => undefined);
  };
  return { step, reached, ran };
}

describe('the items of an each node', () => {
  it('are kept each for itself, and as one in the record where that is small', async () => {
    const { run, store } = executorOf([
      { name: 'a', nodes: [each('twice', ({ input }) => Number(input) * 2, {}, { input: '$.item' })] },
    ]);

    const ledger = await run([1, 2, 3]);

    expect(ledger).toMatchObject({
      status: 'succeeded',
      output: { twice: [2, 4, 6] },
      totals: { attempts: 3, retries: 0 },
    });
    const items = { total: 3, succeeded: 3, failed: 0, partial: false };
    expect(node(ledger, 'twice')).toMatchObject({ result: [2, 4, 6], items, attemptCount: 3 });
    const rows = await rowsOf(store, ledger.id, 'twice');
    expect(rows.map(({ index, status, result }) => [index, status, result])).toEqual([
      [0, 'succeeded', 2],
      [1, 'succeeded', 4],
      [2, 'succeeded', 6],
    ]);
    expect(rows[1]).toMatchObject({
      attemptCount: 1,
      attempts: [{ number: 1, by: 'twice', index: 1, outcome: 'succeeded' }],
    });
  });

  it('end well when together they are more than a record may have, and stand in the output as a reference', async () => {
    const { run, store } = executorOf([
      { name: 'a', nodes: [each('label', ({ index }) => `${index} ${'x'.repeat(700)}`)] },
    ]);

    const ledger = await run(numbers(2_000));

    expect(ledger).toMatchObject({
      status: 'succeeded',
      output: {
        label: { total: 2_000, succeeded: 2_000, failed: 0, items: `/executions/${ledger.id}/nodes/label/items` },
      },
    });
    expect(node(ledger, 'label')).not.toHaveProperty('result');
    const rows = await rowsOf(store, ledger.id, 'label');
    expect(rows).toHaveLength(2_000);
    expect(rows[1_999]?.result).toBe(`1999 ${'x'.repeat(700)}`);
  });

  it('are bounded in size each for itself', async () => {
    const { run, store, deadLetters } = executorOf(
      [
        {
          name: 'a',
          nodes: [
            each('label', ({ index }) => 'x'.repeat(index === 1 ? 101 : 10), { partial: true }, { deadLetter: true }),
          ],
        },
      ],
      { limits: { resultBytes: 100 } },
    );

    const ledger = await run([0, 1, 2]);

    expect(node(ledger, 'label')).toMatchObject({ status: 'succeeded', items: { succeeded: 2, failed: 1 } });
    expect((await rowsOf(store, ledger.id, 'label'))[1]).toMatchObject({
      status: 'failed',
      error: {
        message:
          "the result of item 1 of node 'label' cannot be stored: it has 103 bytes of JSON, at most 100 are allowed; store it elsewhere and pass a reference",
      },
      deadLetterId: 'dl-label:1',
    });
    expect(deadLetters).toEqual(['label:1']);
  });

  it('that ended do not run again in the next process, nor are they counted less; the others get the same keys', async () => {
    const store = new MemoryExecutionStore();
    const keys = new Map<number, string>();
    const first = hangingFrom(5, ({ index, idempotencyKey }) => {
      keys.set(index!, idempotencyKey);
      if (index === 2) throw new Error('no');
      return `first ${index}`;
    });
    const how = { partial: true, concurrency: 2 };
    const settings = { deadLetter: true };
    const one = executorOf([{ name: 'a', nodes: [each('label', first.step, how, settings)] }], {
      store,
      limits: { shutdownMs: 1 },
    });
    const { execution } = await one.executor.start('a', numbers(10));
    await first.reached;
    await one.executor.dispatcher.shutdown();
    const before = await rowsOf(store, execution.id, 'label');

    const ran: number[] = [];
    const again: Run = ({ index, idempotencyKey }) => {
      ran.push(index!);
      keys.set(index!, idempotencyKey);
      return `second ${index}`;
    };
    const two = executorOf([{ name: 'a', nodes: [each('label', again, how, settings)] }], { store });
    await two.executor.dispatcher.recover();
    const ledger = await two.ended(execution.id);

    expect(before.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect(ran).toEqual([5, 6, 7, 8, 9]);
    expect([...keys]).toContainEqual([7, `${execution.id}:label:7`]);
    expect(ledger).toMatchObject({ status: 'succeeded', resumes: 1, totals: { attempts: 10 } });
    expect(node(ledger, 'label').result).toMatchObject({
      successes: numbers(10)
        .filter((index) => index !== 2)
        .map((index) => ({ index, result: `${index < 5 ? 'first' : 'second'} ${index}` })),
      failures: [{ index: 2, item: 2, error: { message: 'no' }, deadLetterId: 'dl-label:2' }],
      ...{ total: 10, successRate: 0.9 },
    });
    expect([...one.deadLetters, ...two.deadLetters]).toEqual(['label:2']);
  });

  it('are kept when the list fails, and only what failed or did not run is done again', async () => {
    const ran: number[] = [];
    let fail = true;
    const step: Run = ({ index }) => {
      ran.push(index!);
      if (fail && index === 3) throw new Error('no');
      return index;
    };
    const { run, executor, store, ended } = executorOf([
      { name: 'a', nodes: [each('label', step, { concurrency: 1 })] },
    ]);

    const failed = await run(numbers(6));
    const rows = await rowsOf(store, failed.id, 'label');
    fail = false;
    await executor.resume(failed.id);
    const ledger = await ended(failed.id);

    expect(failed).toMatchObject({
      status: 'failed',
      error: { message: 'no', node: 'label' },
      totals: { attempts: 4 },
    });
    expect(node(failed, 'label')).toMatchObject({ status: 'failed', items: { total: 6, succeeded: 3, failed: 1 } });
    expect(rows.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded', 'failed']);
    expect(rows[3]).toMatchObject({ item: 3, error: { message: 'no' } });
    expect(ran).toEqual([0, 1, 2, 3, 3, 4, 5]);
    expect(ledger).toMatchObject({ status: 'succeeded', output: { label: numbers(6) }, totals: { attempts: 7 } });
    expect((await rowsOf(store, failed.id, 'label'))[3]).toMatchObject({
      status: 'succeeded',
      attemptCount: 2,
      retryCount: 1,
    });
  });

  it('count once when the run retries itself', async () => {
    let goes = 0;
    const step: Run = ({ index }) => {
      if (index === 1 && ++goes < 3) throw new Error('no');
      return index;
    };
    const retry = { maxRetries: 3, baseDelay: 0 };
    const { run, store } = executorOf([{ name: 'a', retry, nodes: [each('label', step, { concurrency: 1 })] }]);

    const ledger = await run(numbers(3));

    expect(ledger).toMatchObject({
      status: 'succeeded',
      output: { label: [0, 1, 2] },
      totals: { attempts: 5, retries: 2 },
    });
    expect((await rowsOf(store, ledger.id, 'label')).map(({ attemptCount }) => attemptCount)).toEqual([1, 3, 1]);
  });

  it('say what a model took for each of them, and together', async () => {
    const llm: LlmPort = {
      complete: ({ messages }) => {
        const text = messages[0]!.content;
        const usage = { inputTokens: 10, outputTokens: Number(text) };
        return Promise.resolve({
          text,
          provider: 'p',
          fallbackLevel: 1,
          attempts: 1,
          usage,
          costUsd: 0.5,
          degraded: true,
          tries: [],
        });
      },
    };
    const action = { type: 'llm', llm: { prompt: '{{ item }}', degraded: 'accept' } } as const;
    const label: NodeDraft = {
      name: 'label',
      action: { type: 'each', each: { items: 'input', partial: true, action } },
    };
    const { run, store } = executorOf([{ name: 'a', nodes: [label] }], { llm });

    const ledger = await run([1, 2]);

    const answer = { provider: 'p', level: 1, degraded: true };
    expect(ledger.output).toMatchObject({
      label: {
        successes: [
          { index: 0, result: '1', ...answer },
          { index: 1, ...answer },
        ],
      },
    });
    expect(node(ledger, 'label')).toMatchObject({
      usage: { inputTokens: 20, outputTokens: 3 },
      costUsd: 1,
      provider: 'p',
      providerLevel: 1,
      degraded: true,
    });
    expect((await rowsOf(store, ledger.id, 'label'))[1]).toMatchObject({
      usage: { inputTokens: 10, outputTokens: 2 },
      costUsd: 0.5,
      provider: 'p',
      providerLevel: 1,
      degraded: true,
    });
  });

  it('that only compute may be ahead of the ledger, and are all kept in the end', async () => {
    const store = new MemoryExecutionStore();
    const keep = store.items.keep.bind(store.items);
    let open = 0;
    let most = 0;
    store.items.keep = async (lease, item) => {
      most = Math.max(most, ++open);
      await new Promise(setImmediate);
      open--;
      return keep(lease, item);
    };
    const action = { type: 'transform', transform: 'item * 2' } as const;
    const twice: NodeDraft = {
      name: 'twice',
      action: { type: 'each', each: { items: 'input', concurrency: 2, action } },
    };
    const { run } = executorOf([{ name: 'a', nodes: [twice] }], { store });

    const ledger = await run(numbers(600));

    expect(ledger.output).toEqual({ twice: numbers(600).map((number) => number * 2) });
    expect(await rowsOf(store, ledger.id, 'twice')).toHaveLength(600);
    expect(most).toBeGreaterThan(2);
    expect(most).toBeLessThanOrEqual(256 + 2);
  });

  it('that the ledger refuses fail, and the others go on', async () => {
    const store = new MemoryExecutionStore();
    const keep = store.items.keep.bind(store.items);
    store.items.keep = (lease, item) =>
      item.index === 1 && item.result !== undefined
        ? Promise.reject(Object.assign(new Error('Data too long'), { status: 400 }))
        : keep(lease, item);
    const { run } = executorOf([{ name: 'a', nodes: [each('label', () => 'fine', { partial: true })] }], { store });

    const ledger = await run(numbers(3));

    expect(node(ledger, 'label')).toMatchObject({ status: 'succeeded', items: { succeeded: 2, failed: 1 } });
    expect((await rowsOf(store, ledger.id, 'label'))[1]).toMatchObject({
      status: 'failed',
      error: { message: 'Data too long' },
    });
  });

  it('of a fallback stand beside those of the node', async () => {
    const fails: Run = () => {
      throw new Error('no');
    };
    const nodes = [
      each('label', fails, { concurrency: 1 }, { fallback: ['backup'] }),
      each('backup', ({ index }) => `${index} ${'x'.repeat(50)}`),
      each('more', ({ input }) => input, { items: 'label' }, { after: 'label', input: '$substring(item, 0, 1)' }),
    ];
    const { run, store } = executorOf([{ name: 'a', nodes }], { limits: { resultBytes: 200 } });

    const ledger = await run(numbers(5));

    expect(node(ledger, 'label')).toMatchObject({
      servedBy: 'backup',
      items: { total: 5, succeeded: 5, step: 'backup' },
    });
    expect(ledger.output).toEqual({ more: ['0', '1', '2', '3', '4'] });
    expect(await rowsOf(store, ledger.id, 'label')).toHaveLength(1);
    expect(await rowsOf(store, ledger.id, 'label', 'backup')).toHaveLength(5);
  });

  it('stop when the process goes, and a failure that comes then is none', async () => {
    const store = new MemoryExecutionStore();
    let fail!: () => void;
    let arrive!: () => void;
    const reached = new Promise<void>((resolve) => (arrive = resolve));
    const ran: number[] = [];
    const step: Run = ({ index }) => {
      ran.push(index!);
      if (index === 0) return 0;
      arrive();
      return new Promise((_, reject) => (fail = () => reject(new Error('the server closed'))));
    };
    const nodes = [each('label', step, { concurrency: 1, partial: true }, { deadLetter: true })];
    const { executor, deadLetters } = executorOf([{ name: 'a', nodes }], { store });
    const { execution } = await executor.start('a', numbers(5));
    await reached;

    const down = executor.dispatcher.shutdown();
    fail();
    await down;

    expect(ran).toEqual([0, 1]);
    expect(deadLetters).toEqual([]);
    expect((await store.find(execution.id))?.status).toBe('running');
    expect((await rowsOf(store, execution.id, 'label')).map(({ index }) => index)).toEqual([0]);
  });

  it('are left to the process that took the execution over', async () => {
    const store = new MemoryExecutionStore();
    const ran: number[] = [];
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const step: Run = async ({ index, executionId }) => {
      await opened;
      ran.push(index!);
      const claim = { owner: 'other', from: ['running'] as const, startedAt: 0, version: 'v' };
      if (index === 2) await store.claim(executionId, claim);
      return index;
    };
    const { executor } = executorOf([{ name: 'a', nodes: [each('label', step, { concurrency: 1 })] }], { store });
    const { execution } = await executor.start('a', numbers(5));
    const left = new Promise<void>((resolve) => executor.dispatcher.onEnd(execution.id, resolve));
    open();
    await left;

    expect(ran).toEqual([0, 1, 2]);
    expect(await store.get(execution.id)).toMatchObject({ status: 'running', owner: 'other', nodes: [] });
    expect(await rowsOf(store, execution.id, 'label')).toHaveLength(2);
  });

  it('run again from a node that is retried', async () => {
    const ran: number[] = [];
    const { executor, run, ended } = executorOf([
      { name: 'a', nodes: [each('label', ({ index }) => ran.push(index!))] },
    ]);
    const { id } = await run(numbers(2));

    await executor.retryFrom(id, 'label');

    expect((await ended(id)).status).toBe('succeeded');
    expect(ran).toEqual([0, 1, 0, 1]);
  });

  it('are written anew when they are redriven, whether they fail again or not', async () => {
    let luck = false;
    const step: Run = ({ index }) => {
      if (index === 1 && !luck) throw new Error('no luck');
      return `fine ${index}`;
    };
    const nodes = [each('label', step, { partial: true }, { deadLetter: true })];
    const { executor, run, store } = executorOf([{ name: 'a', nodes }]);
    const { id } = await run(numbers(3));

    await expect(executor.redrives.item(id, 'label', 1)).rejects.toThrow('no luck');
    const again = (await rowsOf(store, id, 'label'))[1];
    luck = true;
    await executor.redrives.item(id, 'label', 1);

    expect(again).toMatchObject({ status: 'failed', attemptCount: 2, deadLetterId: 'dl-label:1' });
    const row = (await rowsOf(store, id, 'label'))[1];
    expect(row).toMatchObject({ status: 'succeeded', result: 'fine 1', attemptCount: 3 });
    expect(row).not.toHaveProperty('error');
    expect(node((await store.get(id))!, 'label').result).toMatchObject({ failures: [{ index: 1 }] });
  });

  it('are kept as one list by a store that has no place for each', async () => {
    const store: ExecutionStore = Object.create(new MemoryExecutionStore(), { items: { value: undefined } });
    const large: Run = () => 'x'.repeat(60);
    const { run } = executorOf(
      [
        { name: 'a', nodes: [each('label', ({ index }) => index)] },
        { name: 'b', nodes: [each('label', large)] },
      ],
      { store, limits: { resultBytes: 100 } },
    );

    const small = await run(numbers(3));

    expect(small).toMatchObject({ status: 'succeeded', output: { label: [0, 1, 2] } });
    expect(node(small, 'label')).not.toHaveProperty('items');
    expect(await run(numbers(3), 'b')).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('at most 100 are allowed') },
    });
  });
});

describe('results that are too large for a record', () => {
  const long = each('long', ({ index }) => ({ index, text: 'x'.repeat(100) }), { partial: true });
  const limits = { resultBytes: 500 };

  it('are there for expressions, items and steps that look at them', async () => {
    const nodes: NodeDraft[] = [
      long,
      { name: 'count', after: 'long', action: { type: 'transform', transform: '$count(long.successes)' } },
      { name: 'rate', after: 'long', action: { type: 'transform', transform: { rate: '$.long.successRate' } } },
      {
        name: 'some',
        after: 'long',
        action: { type: 'transform', transform: 'long.successes[index > 17].result.index' },
      },
      each('next', ({ input }) => input, { items: 'long.successes' }, { after: 'long', input: '$.item.result.index' }),
      {
        name: 'step',
        after: 'long',
        action: { type: 'run', run: ({ results }) => (results['long'] as { total: number }).total },
      },
    ];
    const { run } = executorOf(
      [
        {
          name: 'a',
          nodes,
          output: { count: '$.count', rate: '$.rate', some: '$.some', next: '$.next', step: '$.step', all: '$.long' },
        },
      ],
      { limits },
    );

    const ledger = await run(numbers(20));

    expect(ledger).toMatchObject({
      status: 'succeeded',
      output: {
        ...{ count: 20, rate: { rate: 1 }, some: [18, 19], next: numbers(20), step: 20 },
        all: { total: 20, succeeded: 20, failed: 0, items: `/executions/${ledger.id}/nodes/long/items` },
      },
    });
  });

  it('are refused with the way out where they are more than may be read at once', async () => {
    const step: NodeDraft = {
      name: 'step',
      after: 'long',
      action: { type: 'run', run: ({ results }) => results['long'] },
    };
    const count: NodeDraft = {
      name: 'count',
      after: 'long',
      action: { type: 'transform', transform: '$count(long.successes)' },
    };
    const blind: NodeDraft = {
      name: 'blind',
      after: 'long',
      action: { type: 'run', run: ({ input }) => (input as number[]).length },
    };
    const setting = executorOf(
      [
        { name: 'step', nodes: [long, step] },
        { name: 'count', nodes: [long, count] },
        { name: 'blind', nodes: [long, blind] },
      ],
      {
        limits: { ...limits, listBytes: 1_000 },
      },
    );

    for (const workflow of ['step', 'count']) {
      const ledger = await setting.run(numbers(20), workflow);
      expect(ledger.error).toMatchObject({
        ...{ code: 'RESILIENCE_WORKFLOW_VALUE', node: workflow },
        message:
          "the results of node 'long' have more than 1000 bytes of JSON, which is what an expression or a step may read at once; " +
          `do more of the work in the items of 'long', raise limits.listBytes, or read them page by page: GET /executions/${ledger.id}/nodes/long/items`,
      });
    }
    expect(await setting.run(numbers(20), 'blind')).toMatchObject({ status: 'succeeded', output: { blind: 20 } });
  });
});
