import { afterEach, describe, expect, it } from '@jest/globals';
import { type Clock, createPolicy, ShutdownWait, systemClock } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { buildWorkflow } from '../graph/build.js';
import type { NodeDraft, WorkflowDraft } from '../graph/draft.js';
import type { StepContext } from '../graph/step-context.js';
import type { ExecutionLedger } from '../ledger/execution.js';
import { workOf } from '../ledger/execution-store.js';
import { MemoryExecutionStore } from '../ledger/memory.store.js';
import type { LlmPort } from '../llm.port.js';
import { HandlerTable } from '../registry/handlers.js';
import { WorkflowRegistry } from '../registry/workflow-registry.js';
import { RequestClient } from '../request/request.client.js';
import { readRequestOptions } from '../request/request.options.js';
import { executionRecord } from '../testing/execution-store.contract.js';
import { DEFAULT_WORKFLOW_LIMITS, type WorkflowLimits } from '../workflow.limits.js';
import { Executor } from './executor.js';

type Run = (context: StepContext) => unknown;

const step = (name: string, run: Run, settings: Partial<NodeDraft> = {}): NodeDraft => ({
  name,
  action: { type: 'run', run },
  ...settings,
});
const constant = (name: string, value: unknown, settings: Partial<NodeDraft> = {}): NodeDraft => ({
  name,
  action: { type: 'constant', value },
  ...settings,
});
const fails: Run = () => {
  throw new Error('no luck');
};

/** A gate that a step waits at until the test opens it. */
function gate(): { opened: Promise<void>; open(): void; reached: Promise<void>; arrive(): void } {
  const [opened, open] = promise();
  const [reached, arrive] = promise();
  return { opened, open, reached, arrive };
}

function promise(): [Promise<void>, () => void] {
  let resolve!: () => void;
  return [new Promise<void>((r) => (resolve = r)), resolve];
}

interface Setting {
  readonly store?: MemoryExecutionStore;
  readonly limits?: Partial<WorkflowLimits>;
  readonly llm?: LlmPort;
  readonly deadLetters?: Map<string, unknown>;
  readonly clock?: Clock;
}

/** Moves the clock until `done` is: what is waited for may need more turns of the loop than one step of the clock allows. */
async function timePasses<T>(clock: FakeClock, done: Promise<T>): Promise<T> {
  let over = false;
  const end = (): void => void (over = true);
  done.then(end, end);
  while (!over) await clock.advance('1s');
  return done;
}

const executors: Executor[] = [];

afterEach(async () => {
  await Promise.all(executors.splice(0).map((executor) => executor.dispatcher.shutdown()));
});

function executorOf(
  drafts: WorkflowDraft[],
  {
    store = new MemoryExecutionStore(),
    limits,
    llm,
    clock = systemClock,
    deadLetters = new Map<string, unknown>(),
  }: Setting = {},
) {
  const registry = new WorkflowRegistry();
  const handlers = new HandlerTable({}, () => []);
  registry.load(drafts.map(buildWorkflow), [], {
    handlerProblem: (target) => handlers.problem(target),
    hasLlm: llm !== undefined,
  });
  const executor: Executor = new Executor({
    store,
    registry,
    handlers,
    llm,
    clock,
    closing: new ShutdownWait(clock),
    limits: { ...DEFAULT_WORKFLOW_LIMITS, ...limits },
    requests: new RequestClient(readRequestOptions(undefined), clock),
    createPolicy: (definition, node) =>
      createPolicy({ name: `${definition.name}.${node?.name ?? ''}`, ...(node ?? definition).policies.options }),
    async driveWithDeadLetter(_workflow, id) {
      await executor.dispatcher.drive(id).catch((error: unknown) => {
        deadLetters.set(id, error);
        throw Object.assign(error as object, { deadLetterId: `dl-${id}` });
      });
    },
    async keepNode(_workflow, id, node, error) {
      deadLetters.set(`${id}:${node}`, error);
      return `dl-${id}:${node}`;
    },
    async keepItem(_workflow, id, node, index, error) {
      deadLetters.set(`${id}:${node}:${index}`, error);
      return `dl-${id}:${node}:${index}`;
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
  const run = async (input: unknown = {}, workflow = drafts[0]!.name) =>
    ended((await executor.start(workflow, input)).execution.id);
  const reload = (changed: WorkflowDraft[]): void =>
    registry.load(changed.map(buildWorkflow), [], { handlerProblem: () => undefined, hasLlm: llm !== undefined });
  return { executor, store, run, ended, deadLetters, reload };
}

const node = (ledger: ExecutionLedger, name: string) => ledger.nodes.find((record) => record.node === name)!;

describe('a run', () => {
  it('hands results from node to node, checkpoints each and answers with what nobody waited for', async () => {
    const { run } = executorOf([
      {
        name: 'triage',
        nodes: [
          step('parse', ({ input }) => ({ subject: (input as { raw: string }).raw.toUpperCase() })),
          { name: 'size', after: 'parse', action: { type: 'transform', transform: '$length(parse.subject)' } },
          step('reply', ({ results, input }) => ({ results, input }), {
            after: ['parse', 'size'],
            input: { about: '{{ parse.subject }}!' },
          }),
        ],
      },
    ]);

    const ledger = await run({ raw: 'hello' });

    expect(ledger).toMatchObject({
      status: 'succeeded',
      degraded: false,
      output: { reply: { results: { parse: { subject: 'HELLO' }, size: 5 }, input: { about: 'HELLO!' } } },
      totals: { nodes: 3, attempts: 3, retries: 0 },
    });
    expect(ledger.nodes.map(({ node, status }) => [node, status])).toEqual([
      ['parse', 'succeeded'],
      ['size', 'succeeded'],
      ['reply', 'succeeded'],
    ]);
  });

  it('retries a node by its policy and writes every attempt down', async () => {
    let calls = 0;
    const flaky: Run = ({ attempt }) => {
      if (++calls < 3) throw Object.assign(new Error('busy'), { status: 503 });
      return attempt;
    };
    const { run } = executorOf([
      { name: 'flaky', nodes: [step('a', flaky, { retry: { maxRetries: 3, strategy: 'immediate' } })] },
    ]);

    const ledger = await run();

    expect(ledger).toMatchObject({ status: 'succeeded', output: { a: 3 }, totals: { attempts: 3, retries: 2 } });
    expect(node(ledger, 'a').attempts).toMatchObject([
      { number: 1, by: 'a', outcome: 'failed', actions: ['retried'], error: { message: 'busy', status: 503 } },
      { number: 2, outcome: 'failed', actions: ['retried'] },
      { number: 3, outcome: 'succeeded', actions: [] },
    ]);
  });

  it('serves a failed node by its fallbacks, in order, and only then runs them', async () => {
    const asked: string[] = [];
    const note = (name: string, run: Run): NodeDraft => step(name, (context) => (asked.push(name), run(context)));
    const { run } = executorOf([
      {
        name: 'degrade',
        nodes: [
          { ...note('best', fails), fallback: ['basic'] },
          { ...note('basic', fails), fallback: ['emergency'] },
          note('emergency', () => ({ confidence: 0.5 })),
          step('after', ({ results }) => results['best'], { after: 'best' }),
        ],
      },
    ]);

    const ledger = await run();

    expect(asked).toEqual(['best', 'basic', 'emergency']);
    expect(ledger).toMatchObject({
      status: 'succeeded',
      degraded: true,
      output: { after: { confidence: 0.5 } },
      totals: { fallbacks: 1 },
    });
    expect(node(ledger, 'best')).toMatchObject({
      servedBy: 'emergency',
      fallbackLevel: 2,
      attempts: [
        { by: 'best', level: 0, outcome: 'failed', actions: ['fell_back'] },
        { by: 'basic', level: 1, outcome: 'failed', actions: ['fell_back'] },
        { by: 'emergency', level: 2, outcome: 'succeeded' },
      ],
    });
  });

  it('fails with the first node that fails, keeps a dead letter first, and goes on from that node when resumed', async () => {
    const ran: string[] = [];
    let broken = true;
    const { executor, run, ended, deadLetters, store } = executorOf([
      {
        name: 'pay',
        nodes: [
          step('reserve', () => ran.push('reserve')),
          step('charge', () => (ran.push('charge'), broken ? fails({} as StepContext) : 'paid'), { after: 'reserve' }),
          step('mail', () => ran.push('mail'), { after: 'charge' }),
        ],
      },
    ]);

    const failed = await run();

    expect(failed).toMatchObject({
      status: 'failed',
      error: { message: 'no luck', node: 'charge' },
      deadLetterId: `dl-${failed.id}`,
    });
    expect(deadLetters.get(failed.id)).toMatchObject({
      code: 'RESILIENCE_WORKFLOW_FAILED',
      message: "Workflow 'pay' failed at node 'charge': no luck",
    });
    broken = false;
    await executor.dispatcher.drive(failed.id);
    const resumed = await ended(failed.id);
    expect(resumed).toMatchObject({ status: 'succeeded', resumes: 1 });
    expect(resumed.error).toBeUndefined();
    expect(ran).toEqual(['reserve', 'charge', 'charge', 'mail']);
    expect((await store.list({})).items).toHaveLength(1);
  });

  it('goes on without an optional node, whose own dead letter can be redriven alone', async () => {
    let broken = true;
    const { executor, run, store, deadLetters } = executorOf([
      {
        name: 'best-effort',
        nodes: [
          step('extra', () => (broken ? fails({} as StepContext) : 'late'), { optional: true, deadLetter: true }),
          step('main', ({ results }) => Object.keys(results), { after: 'extra' }),
        ],
      },
    ]);

    const ledger = await run();

    expect(ledger).toMatchObject({ status: 'succeeded', degraded: true, output: { main: [] } });
    expect(node(ledger, 'extra')).toMatchObject({
      status: 'failed',
      optional: true,
      deadLetterId: `dl-${ledger.id}:extra`,
    });
    expect(deadLetters.get(`${ledger.id}:extra`)).toMatchObject({ message: 'no luck' });
    await expect(executor.redrives.node(ledger.id, 'extra')).rejects.toThrow('no luck');
    broken = false;
    await executor.redrives.node(ledger.id, 'extra');
    expect(node((await store.get(ledger.id))!, 'extra')).toMatchObject({ status: 'succeeded', result: 'late' });
  });

  it('skips a node whose condition is not true and what waited for skipped nodes only', async () => {
    const { run } = executorOf([
      {
        name: 'conditions',
        nodes: [
          constant('kind', 'spam'),
          constant('reply', 1, { after: 'kind', when: 'kind != "spam"' }),
          constant('send', 2, { after: 'reply' }),
          constant('log', 3, { after: ['reply', 'kind'] }),
        ],
      },
    ]);

    const ledger = await run();

    expect(ledger.nodes.map(({ node, status }) => `${node} ${status}`).sort()).toEqual([
      'kind succeeded',
      'log succeeded',
      'reply skipped',
      'send skipped',
    ]);
    expect(ledger).toMatchObject({ output: { log: 3 }, totals: { nodes: 2 } });
  });

  it('maps over a list with partial success: successes, failures with item and error, success rate', async () => {
    const item: Run = ({ input, index, idempotencyKey }) => {
      if (input === 'bad') throw new Error(`cannot read ${index}`);
      return `${String(input)} ${idempotencyKey.split(':').slice(1).join(':')}`;
    };
    const { run } = executorOf([
      {
        name: 'batch',
        nodes: [
          {
            name: 'files',
            action: {
              type: 'each',
              each: { items: 'input.files', partial: true, concurrency: 2, action: { type: 'run', run: item } },
            },
          },
        ],
      },
    ]);

    const ledger = await run({ files: ['a', 'bad', 'c', 'd'] });

    expect(ledger.output).toMatchObject({
      files: {
        successes: [
          { index: 0, result: 'a files:0' },
          { index: 2, result: 'c files:2' },
          { index: 3, result: 'd files:3' },
        ],
        failures: [{ index: 1, item: 'bad', error: { message: 'cannot read 1' } }],
        total: 4,
        successRate: 0.75,
      },
    });
    expect((await run({ files: [] })).output).toEqual({
      files: { successes: [], failures: [], total: 0, successRate: 1 },
    });
  });

  it('asks the language model and keeps who answered, at which level, with which tokens and cost', async () => {
    const requests: unknown[] = [];
    const llm: LlmPort = {
      async complete({ signal: _, ...request }) {
        requests.push(request);
        return {
          text: '{}',
          object: { category: 'spam' },
          provider: 'backup',
          fallbackLevel: 1,
          attempts: 3,
          retries: 1,
          heals: 1,
          usage: { inputTokens: 12, outputTokens: 3 },
          costUsd: 0.01,
          degraded: false,
          tries: [
            { provider: 'first', fallbackLevel: 0, attempt: 1, outcome: 'failed', reason: 'rate_limit', durationMs: 5 },
            { provider: 'first', fallbackLevel: 0, attempt: 2, outcome: 'failed', reason: 'timeout', durationMs: 9 },
            { provider: 'backup', fallbackLevel: 1, attempt: 1, outcome: 'ok', durationMs: 7 },
          ],
        };
      },
    };
    const { run } = executorOf(
      [
        {
          name: 'ask',
          nodes: [
            {
              name: 'classify',
              action: {
                type: 'llm',
                llm: { system: 'Sort.', prompt: 'Mail: {{ input.mail }}', schema: { type: 'object' } },
              },
            },
          ],
        },
      ],
      { llm },
    );

    const ledger = await run({ mail: 'win!' });

    expect(requests).toEqual([
      {
        messages: [
          { role: 'system', content: 'Sort.' },
          { role: 'user', content: 'Mail: win!' },
        ],
        schema: { type: 'object' },
      },
    ]);
    expect(ledger).toMatchObject({
      output: { classify: { category: 'spam' } },
      totals: { attempts: 3, retries: 1, fallbacks: 1, inputTokens: 12, outputTokens: 3, costUsd: 0.01 },
    });
    expect(node(ledger, 'classify')).toMatchObject({
      provider: 'backup',
      providerLevel: 1,
      attempts: [
        {
          actions: ['retried', 'healed', 'fell_back'],
          tries: [{ provider: 'first', reason: 'rate_limit' }, {}, { provider: 'backup' }],
        },
      ],
    });
  });

  it.each([
    ['a BigInt', () => 1n, /the result of node 'a' cannot be stored: .*BigInt/],
    [
      'a cycle',
      () => {
        const ring: Record<string, unknown> = {};
        ring['self'] = ring;
        return ring;
      },
      /cannot be stored: .*circular/,
    ],
    ['a function', () => () => 1, /a function is no JSON/],
    ['something too large', () => 'x'.repeat(2_000), /has 2002 bytes of JSON, at most 1000 are allowed/],
  ])('fails a node whose result is %s', async (_, run, message) => {
    const { run: start } = executorOf([{ name: 'odd', nodes: [step('a', run)] }], { limits: { resultBytes: 1_000 } });

    expect((await start()).error?.message).toMatch(message);
  });

  it('gives steps frozen values and a key that stays the same over attempts', async () => {
    const keys: string[] = [];
    const greedy: Run = ({ results, idempotencyKey }) => {
      keys.push(idempotencyKey);
      (results['first'] as { list: number[] }).list.push(2);
    };
    const { run } = executorOf([
      {
        name: 'frozen',
        nodes: [
          constant('first', { list: [1] }),
          step('greedy', greedy, { after: 'first', retry: { maxRetries: 1, strategy: 'immediate' } }),
        ],
      },
    ]);

    const ledger = await run();

    expect(ledger.error?.message).toMatch(/not extensible/);
    expect(new Set(keys)).toEqual(new Set([`${ledger.id}:greedy`]));
  });

  it('falls back to other workflows by priority', async () => {
    const { run, store } = executorOf([
      {
        name: 'full',
        fallback: [
          { workflow: 'minimal', priority: 2 },
          { workflow: 'basic', priority: 1 },
        ],
        nodes: [step('a', fails)],
      },
      { name: 'basic', nodes: [step('b', fails)], deadLetter: false },
      { name: 'minimal', nodes: [step('c', ({ input }) => ({ minimal: input }))] },
    ]);

    const ledger = await run('text');

    expect(ledger).toMatchObject({
      status: 'succeeded',
      servedBy: 'minimal',
      degraded: true,
      output: { c: { minimal: 'text' } },
      totals: { fallbacks: 1 },
    });
    const { items } = await store.list({});
    expect(items.map(({ workflow, status, parentId }) => [workflow, status, parentId])).toEqual([
      ['minimal', 'succeeded', ledger.id],
      ['basic', 'failed', ledger.id],
      ['full', 'succeeded', undefined],
    ]);
  });
});

describe('accepting executions', () => {
  const echo: WorkflowDraft = {
    name: 'echo',
    input: {
      type: 'object',
      required: ['text'],
      properties: { text: { type: 'string' } },
      additionalProperties: false,
    },
    nodes: [step('a', ({ input }) => input)],
  };

  it('refuses unknown workflows with the nearest name and bad input with every field', async () => {
    const { executor } = executorOf([echo]);

    await expect(executor.start('ecco', {})).rejects.toThrow(
      "There is no workflow 'ecco' (did you mean 'echo'?); known: echo",
    );
    await expect(executor.start('echo', { text: 1, more: 2 })).rejects.toMatchObject({
      code: 'RESILIENCE_WORKFLOW_INPUT',
      problems: [
        { field: 'more', message: 'is not a known field' },
        { field: 'text', message: 'must be string' },
      ],
    });
    await expect(executor.start('echo', {})).rejects.toMatchObject({
      problems: [{ field: 'text', message: 'is missing' }],
    });
    await expect(executor.start('echo', { text: 'x' }, { idempotencyKey: 'ü' })).rejects.toMatchObject({
      problems: [{ field: 'Idempotency-Key' }],
    });
  });

  it('leads the same idempotency key to the same execution and refuses it for other input', async () => {
    const { executor } = executorOf([echo]);

    const first = await executor.start('echo', { text: 'a' }, { idempotencyKey: 'k' });
    const second = await executor.start('echo', { text: 'a' }, { idempotencyKey: 'k' });

    expect([first.created, second.created]).toEqual([true, false]);
    expect(second.execution.id).toBe(first.execution.id);
    await expect(executor.start('echo', { text: 'b' }, { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'RESILIENCE_IDEMPOTENCY_CONFLICT',
    });
  });

  it('lets identical submissions in flight join, and only while in flight', async () => {
    const door = gate();
    const { executor, ended } = executorOf([{ name: 'slow', join: true, nodes: [step('a', () => door.opened)] }]);

    const first = await executor.start('slow', { n: 1 });
    const same = await executor.start('slow', { n: 1 });
    const other = await executor.start('slow', { n: 2 });

    expect(same.execution.id).toBe(first.execution.id);
    expect(other.execution.id).not.toBe(first.execution.id);
    door.open();
    await ended(first.execution.id);
    expect((await executor.start('slow', { n: 1 })).created).toBe(true);
  });

  it('runs only so many at once, queues the next ones and refuses the rest', async () => {
    const door = gate();
    let most = 0;
    let working = 0;
    const work: Run = async () => {
      most = Math.max(most, ++working);
      await door.opened;
      working--;
    };
    const { executor, ended } = executorOf([{ name: 'slow', nodes: [step('a', work)] }], {
      limits: { running: 2, queued: 3 },
    });

    const accepted = [];
    for (let i = 0; i < 5; i++) accepted.push((await executor.start('slow', i, { idempotencyKey: `k${i}` })).execution);

    expect(accepted.map(({ status }) => status)).toEqual(['running', 'running', 'queued', 'queued', 'queued']);
    await expect(executor.start('slow', 5)).rejects.toMatchObject({
      code: 'RESILIENCE_WORKFLOW_BUSY',
      retryAfterMs: 2_000,
    });
    expect((await executor.start('slow', 1, { idempotencyKey: 'k1' })).created).toBe(false);
    door.open();
    for (const { id } of accepted) expect((await ended(id)).status).toBe('succeeded');
    expect(most).toBe(2);
    expect(executor.dispatcher.load).toEqual({ running: 0, queued: 0 });
  });

  it('runs independent nodes in parallel, but never more of one run than allowed', async () => {
    const door = gate();
    let working = 0;
    let most = 0;
    const names = ['a', 'b', 'c', 'd', 'e'];
    const { executor, ended } = executorOf(
      [
        {
          name: 'wide',
          nodes: names.map((name) =>
            step(name, async () => {
              most = Math.max(most, ++working);
              if (working === 3) door.open();
              await door.opened;
              working--;
            }),
          ),
        },
      ],
      { limits: { parallelNodes: 3 } },
    );

    const { execution } = await executor.start('wide', {});

    expect((await ended(execution.id)).status).toBe('succeeded');
    expect(most).toBe(3);
  });
});

describe('stopping a run', () => {
  it('cancels what is at work at once and keeps what was finished', async () => {
    const door = gate();
    let aborted = false;
    const { executor, store, ended } = executorOf([
      {
        name: 'long',
        nodes: [
          constant('first', 1),
          step(
            'second',
            ({ signal }) => {
              signal.addEventListener('abort', () => (aborted = true));
              door.arrive();
              return door.opened;
            },
            { after: 'first' },
          ),
          constant('third', 3, { after: 'second' }),
        ],
      },
    ]);
    const { execution } = await executor.start('long', {});
    await door.reached;

    await store.cancel(execution.id, { finishedAt: 1 });
    executor.dispatcher.cancelled(execution.id);

    const ledger = await ended(execution.id);
    expect(ledger).toMatchObject({ status: 'cancelled', nodes: [{ node: 'first' }] });
    expect(aborted).toBe(true);
  });

  it('fails a run that passes its deadline', async () => {
    const { run } = executorOf([{ name: 'late', deadline: 5, nodes: [step('a', () => new Promise(() => undefined))] }]);

    expect(await run()).toMatchObject({
      status: 'failed',
      error: {
        code: 'RESILIENCE_WORKFLOW_DEADLINE',
        message: "Workflow 'late' did not end within its deadline of 5 ms",
      },
    });
  });

  it('goes on in the next process where the last one stopped; finished nodes do not run again', async () => {
    const store = new MemoryExecutionStore();
    const ran: string[] = [];
    const door = gate();
    const draft = (hang: boolean): WorkflowDraft => ({
      name: 'resume',
      nodes: [
        step('a', () => ran.push('a')),
        step(
          'b',
          () => {
            ran.push('b');
            if (!hang) return 'b';
            door.arrive();
            return new Promise(() => undefined);
          },
          { after: 'a' },
        ),
        step('c', ({ results }) => (ran.push('c'), results), { after: ['a', 'b'] }),
      ],
    });
    const first = executorOf([draft(true)], { store, limits: { shutdownMs: 1, running: 1 } });
    const { execution } = await first.executor.start('resume', {});
    const waiting = await first.executor.start('resume', {});
    await door.reached;
    await first.executor.dispatcher.shutdown();
    expect((await store.find(execution.id))?.status).toBe('running');
    await expect(first.executor.start('resume', {})).rejects.toMatchObject({ code: 'RESILIENCE_WORKFLOW_STOPPING' });

    const second = executorOf([draft(false)], { store });
    expect(await second.executor.dispatcher.recover()).toBe(2);

    expect(await second.ended(execution.id)).toMatchObject({
      status: 'succeeded',
      resumes: 1,
      output: { c: { a: 1, b: 'b' } },
    });
    expect(await second.ended(waiting.execution.id)).toMatchObject({ status: 'succeeded', resumes: 0 });
    expect(ran.slice(0, 4)).toEqual(['a', 'b', 'b', 'a']);
  });

  it('refuses the checkpoints of a process that lost the execution to another one', async () => {
    const store = new MemoryExecutionStore();
    const door = gate();
    const draft: WorkflowDraft = {
      name: 'fence',
      nodes: [
        step('a', () => {
          door.arrive();
          return door.opened;
        }),
        constant('b', 1, { after: 'a' }),
      ],
    };
    const first = executorOf([draft], { store });
    const { execution } = await first.executor.start('fence', {});
    await door.reached;

    await store.claim(execution.id, { owner: 'other', from: ['running'], startedAt: 0, version: execution.version });
    const left = new Promise<void>((resolve) => first.executor.dispatcher.onEnd(execution.id, resolve));
    door.open();
    await left;

    expect(await store.get(execution.id)).toMatchObject({ status: 'running', owner: 'other', nodes: [] });
  });

  it('passes by an execution that another process has, and tells nobody that it has ended', async () => {
    const draft: WorkflowDraft = { name: 'taken', nodes: [constant('a', 1)] };
    const { executor, store } = executorOf([draft]);
    const { version } = buildWorkflow(draft);
    const { owner: _, startedAt: __, ...record } = executionRecord({ workflow: 'taken', version, status: 'queued' });
    await store.create(record);
    const claim = { from: ['queued'], startedAt: 1, version, leaseMs: 60_000 } as const;
    await store.claim(record.id, { ...claim, owner: 'other' });
    const told: string[] = [];
    executor.dispatcher.onEnd(record.id, () => told.push(record.id));

    expect(await executor.dispatcher.work(workOf(record))).toBe('busy');

    expect(told).toEqual([]);
    expect(await store.get(record.id)).toMatchObject({ status: 'running', owner: 'other', nodes: [] });
  });

  describe('while the ledger takes nothing', () => {
    const failing = async () => {
      const [store, clock] = [new MemoryExecutionStore(), new FakeClock()];
      const checkpoint = store.checkpoint.bind(store);
      const [refused, refuse] = promise();
      let asked = 0;
      store.checkpoint = (lease, record) => {
        if (record.node !== 'b') return checkpoint(lease, record);
        asked++;
        refuse();
        return Promise.reject(new Error('disk full'));
      };
      const ran: string[] = [];
      const note = (name: string, after: string[] = []): NodeDraft => step(name, () => ran.push(name), { after });
      const nodes = [note('a'), note('b', ['a']), note('c', ['b'])];
      const setting = executorOf([{ name: 'disk', nodes }], { store, clock });
      const { execution } = await setting.executor.start('disk', {});
      await refused;
      const mend = () => (store.checkpoint = checkpoint);
      return { ...setting, id: execution.id, store, clock, ran, mend, asked: () => asked };
    };

    it('keeps what a node has done for 30 s, and runs none twice', async () => {
      const { clock, id, ran, mend, ended, deadLetters, asked } = await failing();
      await clock.advance('20s');
      mend();
      await clock.advance('5s');

      expect(await ended(id)).toMatchObject({ status: 'succeeded', resumes: 0 });
      expect(ran).toEqual(['a', 'b', 'c']);
      expect(asked()).toBeLessThan(15);
      expect(deadLetters.size).toBe(0);
    });

    it('is interrupted after that, and goes on by itself, without a dead letter and without running a kept node twice', async () => {
      const { executor, clock, id, store, ran, mend, ended, deadLetters } = await failing();
      const interrupted = new Promise<void>((resolve) => executor.dispatcher.onEnd(id, resolve));
      await timePasses(clock, interrupted);
      expect(clock.now()).toBeGreaterThan(24_000);
      expect((await store.find(id))?.status).toBe('running');

      mend();

      expect(await timePasses(clock, ended(id))).toMatchObject({ status: 'succeeded', resumes: 1 });
      expect(ran).toEqual(['a', 'b', 'b', 'c']);
      expect(deadLetters.size).toBe(0);
    });
  });

  it('fails an execution whose finished nodes are gone from the workflow', async () => {
    const store = new MemoryExecutionStore();
    const first = executorOf([{ name: 'changing', nodes: [constant('old', 1), step('x', fails, { after: 'old' })] }], {
      store,
    });
    const failed = await first.run();

    const second = executorOf([{ name: 'changing', nodes: [constant('new', 1)] }], { store });

    await expect(second.executor.dispatcher.drive(failed.id)).rejects.toThrow(
      /results of nodes that no longer exist: old/,
    );
    expect((await store.find(failed.id))?.error).toMatchObject({ code: 'RESILIENCE_WORKFLOW_VERSION' });
  });
});

describe('a deadline', () => {
  it('goes on while no process lives: an execution that passed it meanwhile fails when it is taken up, and no node runs', async () => {
    const store = new MemoryExecutionStore();
    const door = gate();
    const ran: string[] = [];
    let laterMs = 0;
    const clock: Clock = { ...systemClock, epochNow: () => Date.now() + laterMs };
    const draft: WorkflowDraft = {
      name: 'overdue',
      deadline: '1h',
      nodes: [step('a', () => (door.arrive(), door.opened)), step('b', () => ran.push('b'), { after: 'a' })],
      fallback: ['spare'],
    };
    const spare: WorkflowDraft = { name: 'spare', nodes: [step('c', () => ran.push('c'))] };
    const first = executorOf([draft, spare], { store, clock, limits: { shutdownMs: 1, running: 1 } });
    const atWork = (await first.executor.start('overdue', {})).execution;
    const waiting = (await first.executor.start('overdue', {})).execution;
    await door.reached;
    await first.executor.dispatcher.shutdown();

    laterMs = 3_600_001;
    const second = executorOf([draft, spare], { store, clock });
    await second.executor.dispatcher.recover();

    for (const { id } of [atWork, waiting]) {
      expect(await second.ended(id)).toMatchObject({
        ...{ status: 'failed', error: { code: 'RESILIENCE_WORKFLOW_DEADLINE' }, deadLetterId: `dl-${id}` },
      });
    }
    expect(ran).toEqual([]);
  });

  it('can be longer than any timer lasts', async () => {
    const clock: Clock = {
      ...systemClock,
      setTimer: (act, delayMs) => systemClock.setTimer(act, Math.min(delayMs, 1)),
    };
    const looks = promise();
    let count = 0;
    const watched: Clock = {
      ...clock,
      setTimer: (act, delayMs) => {
        if (++count === 5) looks[1]();
        return clock.setTimer(act, delayMs);
      },
    };
    const { run } = executorOf([{ name: 'long', deadline: '30d', nodes: [step('a', () => looks[0])] }], {
      clock: watched,
    });

    expect((await run()).status).toBe('succeeded');
  });
});

describe('at the same moment', () => {
  it('many submissions never take more places than there are', async () => {
    const store = new MemoryExecutionStore();
    const create = store.create.bind(store);
    store.create = async (record) => (await Promise.resolve(), create(record));
    const { executor, ended } = executorOf([{ name: 'burst', nodes: [step('a', () => Promise.resolve(1))] }], {
      ...{ store, limits: { running: 1, queued: 2 } },
    });

    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => executor.start('burst', { n })));

    const taken = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(taken).toHaveLength(3);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'RESILIENCE_WORKFLOW_BUSY' });
    for (const { id } of (await store.list({})).items) await ended(id);
    expect(executor.dispatcher.load).toEqual({ running: 0, queued: 0 });
    expect((await executor.start('burst', {})).created).toBe(true);
  });

  it('a redrive and a resumption of one execution never run it twice', async () => {
    let broken = true;
    let runs = 0;
    const store = new MemoryExecutionStore();
    const draft: WorkflowDraft = {
      name: 'once',
      nodes: [
        step('a', async () => {
          runs++;
          await Promise.resolve();
          if (broken) throw new Error('no luck');
        }),
      ],
    };
    const { executor, run, ended } = executorOf([draft], { store });
    const { id } = await run();
    broken = false;
    runs = 0;
    const find = store.find.bind(store);
    let resumed: Promise<unknown> | undefined;
    // The redrive reads the failed execution; before it takes it, somebody resumes it.
    store.find = async (asked) => {
      const before = await find(asked);
      if (!resumed) {
        store.find = find;
        resumed = store.claim(id, { owner: 'somebody', from: ['failed'], startedAt: 0, version: before!.version });
        await resumed;
      }
      return before;
    };

    await executor.dispatcher.drive(id);

    expect(runs).toBe(0);
    expect(await store.find(id)).toMatchObject({ status: 'running', owner: 'somebody' });
    await store.cancel(id, { finishedAt: 1 });
    await executor.resume(id);
    expect((await ended(id)).status).toBe('succeeded');
  });

  it('a submission on its way into the ledger and the recovery at the start never run an execution twice', async () => {
    const store = new MemoryExecutionStore();
    const create = store.create.bind(store);
    const stored = gate();
    let runs = 0;
    store.create = async (record) => {
      const kept = await create(record);
      // Others see it before whoever stored it hears of that.
      stored.arrive();
      await stored.opened;
      return kept;
    };
    const { executor, ended } = executorOf([{ name: 'once', nodes: [step('a', () => runs++)] }], { store });
    const starting = executor.start('once', {});
    await stored.reached;

    expect(await executor.dispatcher.recover()).toBe(0);
    stored.open();

    const { execution } = await starting;
    expect(await ended(execution.id)).toMatchObject({ status: 'succeeded', resumes: 0 });
    await executor.dispatcher.untilLeft(execution.id);
    expect(runs).toBe(1);
  });

  describe('a submission that the ledger answers with an error', () => {
    const settingOf = (limits?: Partial<WorkflowLimits>) => {
      const [store, clock, door] = [new MemoryExecutionStore(), new FakeClock(), gate()];
      const create = store.create.bind(store);
      const inputs: unknown[] = [];
      const run: Run = async ({ input }) => {
        inputs.push((input as { n: number }).n);
        if (inputs.length === 1) await door.opened;
      };
      const setting = executorOf([{ name: 'once', nodes: [step('a', run)] }], {
        store,
        clock,
        ...(limits && { limits }),
      });
      const submit = (n: number) => setting.executor.start('once', { n }, { idempotencyKey: `key ${n}` });
      return { ...setting, store, clock, door, create, inputs, submit };
    };

    it.each([
      ['a place that is free', 2],
      ['a place in the queue', 1],
    ])('although it was stored runs once, in %s, also when it is submitted again', async (_place, running) => {
      const { store, clock, door, create, inputs, submit, ended, executor } = settingOf({ running });
      await submit(1);
      store.create = async (record) => {
        await create(record);
        throw new Error('Connection lost');
      };
      await expect(submit(2)).rejects.toThrow('Connection lost');

      store.create = create;
      const { execution, created } = await submit(2);
      door.open();
      await clock.advance('1s');

      expect(created).toBe(false);
      expect((await ended(execution.id)).status).toBe('succeeded');
      expect(inputs).toEqual([1, 2]);
      expect(executor.dispatcher.load).toEqual({ running: 0, queued: 0 });
    });

    it('is looked for until the ledger answers, and forgotten when it is not there', async () => {
      const { store, clock, create, inputs, submit } = settingOf();
      const find = store.find.bind(store);
      let asked = 0;
      store.create = () => Promise.reject(new Error('Connection lost'));
      store.find = (id) => (++asked < 3 ? Promise.reject(new Error('still away')) : find(id));
      await expect(submit(1)).rejects.toThrow('Connection lost');

      await clock.advance('10m');

      expect(asked).toBe(3);
      store.create = create;
      expect((await submit(1)).created).toBe(true);
      expect(inputs).toEqual([1]);
    });
  });

  it('a redrive and a place that gets free never run an execution twice that a crash left', async () => {
    const store = new MemoryExecutionStore();
    const [busy, door] = [gate(), gate()];
    let runs = 0;
    const { executor, ended } = executorOf(
      [
        { name: 'busy', nodes: [step('a', () => (busy.arrive(), busy.opened))] },
        { name: 'left', nodes: [step('a', () => (runs++, door.arrive(), door.opened))] },
      ],
      { store, limits: { running: 2 } },
    );
    const { execution: blocking } = await executor.start('busy', { n: 1 });
    const { execution: other } = await executor.start('busy', { n: 2 });
    const { execution: left } = await executor.start('left', {});
    await busy.reached;

    const redriven = executor.dispatcher.drive(left.id);
    await door.reached;
    busy.open();
    await ended(blocking.id);
    await executor.dispatcher.untilLeft(blocking.id);
    await executor.dispatcher.untilLeft(other.id);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    door.open();
    await redriven;

    expect(await ended(left.id)).toMatchObject({ status: 'succeeded' });
    await executor.dispatcher.untilLeft(left.id);
    expect(runs).toBe(1);
  });

  it('executions that a failing ledger interrupted take no more places than there are when it answers again', async () => {
    const timers: (() => void)[] = [];
    const handle = { cancel: () => undefined, ref: () => undefined, unref: () => undefined };
    const clock: Clock = { ...systemClock, setTimer: (act) => (timers.push(act), handle) };
    const store = new MemoryExecutionStore();
    const finish = store.finish.bind(store);
    store.finish = () => Promise.reject(new Error('disk full'));
    let most = 0;
    const { executor, ended } = executorOf([{ name: 'burst', nodes: [constant('a', 1)] }], {
      ...{ store, clock, limits: { running: 1 } },
    });
    const started = await Promise.all([1, 2, 3].map((n) => executor.start('burst', { n })));
    const ids = started.map(({ execution }) => execution.id);
    for (const id of ids) await executor.dispatcher.untilLeft(id);
    for (let turn = 0; turn < 200; turn++) await Promise.resolve();
    expect(timers).toHaveLength(3);

    store.finish = (...end) => ((most = Math.max(most, executor.dispatcher.load.running)), finish(...end));
    for (const go of timers.splice(0)) go();

    for (const id of ids) expect(await ended(id)).toMatchObject({ status: 'succeeded' });
    expect(most).toBe(1);
  });
});

describe('a fallback workflow', () => {
  const failing = (fallback: string[]): WorkflowDraft => ({ name: 'parent', nodes: [step('x', fails)], fallback });

  it('that a shutdown interrupts is no failure of its parent: both go on in the next process', async () => {
    const store = new MemoryExecutionStore();
    const door = gate();
    const spare = (wait: boolean): WorkflowDraft => ({
      name: 'spare',
      nodes: [
        step('a', () => (wait ? (door.arrive(), door.opened) : undefined)),
        constant('b', 'served', { after: 'a' }),
      ],
    });
    const other: WorkflowDraft = { name: 'other', nodes: [constant('c', 'wrong')] };
    const first = executorOf([failing(['spare', 'other']), spare(true), other], { store });
    const { execution } = await first.executor.start('parent', {});
    await door.reached;

    const gone = first.executor.dispatcher.shutdown();
    door.open();
    await gone;

    expect((await store.find(execution.id))?.status).toBe('running');
    expect(first.deadLetters.size).toBe(0);
    const second = executorOf([failing(['spare', 'other']), spare(false), other], { store });
    await second.executor.dispatcher.recover();
    expect(await second.ended(execution.id)).toMatchObject({ status: 'succeeded', servedBy: 'spare' });
  });

  it('that the ledger interrupts is no failure of its parent: both go on later', async () => {
    const timers: (() => void)[] = [];
    const handle = { cancel: () => undefined, ref: () => undefined, unref: () => undefined };
    const clock: Clock = { ...systemClock, setTimer: (act) => (timers.push(act), handle) };
    const store = new MemoryExecutionStore();
    const finish = store.finish.bind(store);
    store.finish = () => Promise.reject(new Error('disk full'));
    const spare: WorkflowDraft = { name: 'spare', nodes: [constant('a', 'served')] };
    const { executor, ended, deadLetters } = executorOf([failing(['spare']), spare], { store, clock });
    const { execution } = await executor.start('parent', {});
    await new Promise<void>((resolve) => executor.dispatcher.onEnd(execution.id, resolve));
    expect((await store.find(execution.id))?.status).toBe('running');

    store.finish = finish;
    timers.shift()?.();

    expect(await ended(execution.id)).toMatchObject({ status: 'succeeded', servedBy: 'spare' });
    expect(deadLetters.size).toBe(0);
  });

  it('that is being stored while its parent is cancelled ends with it', async () => {
    const store = new MemoryExecutionStore();
    const create = store.create.bind(store);
    const door = gate();
    let ran = false;
    const spare: WorkflowDraft = { name: 'spare', nodes: [step('a', () => (ran = true))] };
    const { executor, ended } = executorOf([failing(['spare']), spare], { store });
    store.create = async (record) => {
      if (record.parentId !== undefined) {
        door.arrive();
        await door.opened;
      }
      return create(record);
    };
    const { execution } = await executor.start('parent', {});
    await door.reached;

    await executor.cancel(execution);
    door.open();
    await executor.dispatcher.untilLeft(execution.id);

    expect((await ended(execution.id)).status).toBe('cancelled');
    expect((await store.list({ workflow: 'spare' })).items).toMatchObject([{ status: 'cancelled' }]);
    expect(ran).toBe(false);
  });

  it('that a reload removed leaves its turn to the next one', async () => {
    const door = gate();
    const x = step('x', async () => {
      door.arrive();
      await door.opened;
      throw new Error('no luck');
    });
    const parent: WorkflowDraft = { name: 'parent', nodes: [x], fallback: ['spare', 'other'] };
    const spare: WorkflowDraft = { name: 'spare', nodes: [constant('a', 1)] };
    const other: WorkflowDraft = { name: 'other', nodes: [constant('b', 2)] };
    const { executor, ended, reload } = executorOf([parent, spare, other]);
    const { execution } = await executor.start('parent', {});
    await door.reached;

    reload([{ ...parent, fallback: ['other'] }, other]);
    door.open();

    expect(await ended(execution.id)).toMatchObject({ status: 'succeeded', servedBy: 'other' });
  });

  it('that was cancelled with its parent serves it when the parent goes on', async () => {
    const store = new MemoryExecutionStore();
    const door = gate();
    const spare: WorkflowDraft = { name: 'spare', nodes: [step('a', () => (door.arrive(), door.opened))] };
    const { executor, ended } = executorOf([failing(['spare']), spare], { store });
    const { execution } = await executor.start('parent', {});
    await door.reached;
    await executor.cancel(execution);
    await executor.dispatcher.untilLeft(execution.id);

    door.open();
    await executor.resume(execution.id);

    expect(await ended(execution.id)).toMatchObject({ status: 'succeeded', servedBy: 'spare' });
  });
});

describe('a run that is retried as a whole', () => {
  it('keeps the tokens and the cost of a failed go', async () => {
    const llm: LlmPort = {
      complete: () =>
        Promise.resolve({
          ...{ text: 'maybe', provider: 'p', fallbackLevel: 0, attempts: 1, degraded: false, tries: [] },
          ...{ usage: { inputTokens: 10, outputTokens: 1 }, costUsd: 0.5 },
        }),
    };
    let looks = 0;
    const { run } = executorOf(
      [
        {
          name: 'costly',
          retry: { maxRetries: 1, baseDelay: 0 },
          nodes: [
            {
              name: 'ask',
              action: { type: 'llm', llm: { prompt: 'sure?' } },
              expect: 'result = $lookup(input, "right")',
            },
            step('never', () => looks++, { after: 'ask' }),
          ],
        },
      ],
      { llm },
    );

    expect(await run({ right: 'surely' })).toMatchObject({
      status: 'failed',
      totals: { inputTokens: 20, outputTokens: 2, costUsd: 1, attempts: 2, retries: 1 },
    });
    expect(looks).toBe(0);
  });

  it('keeps the attempts of every node that failed in an earlier go', async () => {
    let goes = 0;
    const both = gate();
    const flaky: Run = async () => {
      const go = ++goes;
      if (go === 2) both.open();
      await both.opened;
      if (go <= 2) throw new Error('no luck');
      return 'fine';
    };
    const { run } = executorOf([
      { name: 'twice', retry: { maxRetries: 1, baseDelay: 0 }, nodes: [step('a', flaky), step('b', flaky)] },
    ]);

    const ledger = await run();

    expect(ledger).toMatchObject({ status: 'succeeded', totals: { attempts: 4, retries: 2 } });
    expect(node(ledger, 'b').attempts).toMatchObject([{ outcome: 'failed' }, { outcome: 'succeeded' }]);
  });
});

describe('a shutdown', () => {
  it('ends although the ledger does not take what a node left, and nobody moves the clock', async () => {
    const store = new MemoryExecutionStore();
    const door = gate();
    store.checkpoint = () => (door.arrive(), new Promise(() => undefined));
    const { executor } = executorOf([{ name: 'w', nodes: [constant('a', 1)] }], { store, clock: new FakeClock() });
    const { execution } = await executor.start('w', {});
    await door.reached;

    await executor.dispatcher.shutdown();

    expect((await store.find(execution.id))?.status).toBe('running');
  });
});
