import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplicationContext, LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import {
  type ExecutionLedger,
  type ExecutionStore,
  MemoryExecutionStore,
  type StepContext,
  workflow,
  WorkflowModule,
  type WorkflowModuleOptions,
  WorkflowService,
} from './index.js';

let app: INestApplicationContext | undefined;
let directory: string;
let ran: string[];
let lines: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'workflow-service-'));
  ran = [];
  lines = [];
});

afterEach(async () => {
  await app?.close();
  app = undefined;
  rmSync(directory, { recursive: true, force: true });
});

async function boot(options: WorkflowModuleOptions, log: (line: string) => void = () => undefined) {
  const take = (line: unknown): void => {
    lines.push(String(line));
    log(String(line));
  };
  const logger: LoggerService = { log: take, warn: take, error: take };
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(), WorkflowModule.forRoot({ http: false, ...options })],
  })
    .setLogger(logger)
    .compile();
  app = await module.init();
  return app.get(WorkflowService);
}

const note = ({ node, input }: StepContext): unknown => {
  ran.push(node);
  return { node, input };
};

const chain = () =>
  workflow('chain')
    .node('a', { run: note })
    .node('b', { run: note, after: 'a' })
    .node('side', { run: note, after: 'a' })
    .node('c', { run: note, after: 'b' });

async function ended(service: WorkflowService, id: string): Promise<ExecutionLedger> {
  const ledger = await service.wait(id);
  expect(['succeeded', 'failed', 'cancelled']).toContain(ledger.status);
  return ledger;
}

/** What a step waits for until the test lets it go. */
function gate() {
  let open!: (value: unknown) => void;
  let arrive!: () => void;
  const opened = new Promise((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  return { opened, open, reached, arrive };
}

describe('retrying from a node', () => {
  it('runs that node and all that waited for it again, and nothing else', async () => {
    const service = await boot({ definitions: [chain()] });
    const first = await ended(service, (await service.start('chain', { n: 1 })).id);
    ran = [];

    const again = await service.retryFrom(first.id, 'b');

    expect(again).toMatchObject({ id: first.id, status: 'running', resumes: 1 });
    expect(again.output).toBeUndefined();
    expect(await ended(service, first.id)).toMatchObject({ status: 'succeeded', output: first.output });
    expect(ran).toEqual(['b', 'c']);
  });

  it('begins with a node that has not run yet at the first unfinished one', async () => {
    const broken = workflow('broken')
      .node('a', { run: note })
      .node('b', { run: (context) => (note(context), Promise.reject(new Error('no luck'))), after: 'a' })
      .node('c', { run: note, after: 'b' });
    const service = await boot({ definitions: [broken] });
    const failed = await ended(service, (await service.start('broken', {})).id);
    ran = [];

    await service.retryFrom(failed.id, 'c');

    expect(await ended(service, failed.id)).toMatchObject({ status: 'failed', error: { node: 'b' } });
    expect(ran).toEqual(['b']);
  });

  it('names the known nodes and the nearest one', async () => {
    const service = await boot({ definitions: [chain()] });
    const { id } = await ended(service, (await service.start('chain', {})).id);

    await expect(service.retryFrom(id, 'sid')).rejects.toMatchObject({
      code: 'RESILIENCE_NODE_NOT_FOUND',
      nearest: 'side',
      known: ['a', 'b', 'side', 'c'],
    });
    await expect(service.retryFrom('nobody', 'a')).rejects.toMatchObject({ code: 'RESILIENCE_EXECUTION_NOT_FOUND' });
  });

  it('is refused while the execution runs, and by a store that cannot forget', async () => {
    const door = gate();
    const store: ExecutionStore = Object.assign(new MemoryExecutionStore(), { reopen: undefined });
    const waits = workflow('waits').node('a', { run: () => (door.arrive(), door.opened) });
    const service = await boot({ definitions: [waits], store });
    const { id } = await service.start('waits', {});
    await door.reached;

    await expect(service.retryFrom(id, 'a')).rejects.toMatchObject({
      code: 'RESILIENCE_EXECUTION_STATE',
      message: `Execution ${id} is running: it cannot be retried`,
    });
    door.open('done');
    await ended(service, id);
    await expect(service.retryFrom(id, 'a')).rejects.toMatchObject({ code: 'RESILIENCE_LEDGER_FEATURE' });
  });
});

describe('resuming', () => {
  it('is durable when it is answered', async () => {
    const store = new MemoryExecutionStore();
    const service = await boot({
      definitions: [workflow('fails').node('a', { run: () => Promise.reject(new Error('no')) })],
      store,
    });
    const { id } = await ended(service, (await service.start('fails', {})).id);

    const resumed = await service.resume(id);

    expect(resumed).toMatchObject({ status: 'running', resumes: 1 });
    expect(await store.find(id)).toMatchObject({ status: 'running', resumes: 1 });
    expect(await ended(service, id)).toMatchObject({ status: 'failed' });
  });

  it('waits until a cancelled run has let go, so that two never work at once', async () => {
    let working = 0;
    let most = 0;
    const doors = [gate(), gate()];
    const holds = workflow('holds').node('a', {
      run: async () => {
        most = Math.max(most, ++working);
        const door = doors.shift();
        door?.arrive();
        const value = await door?.opened;
        working--;
        return value;
      },
    });
    const [first, second] = doors;
    const service = await boot({ definitions: [holds] });
    const { id } = await service.start('holds', {});
    await first?.reached;

    await service.cancel(id);
    first?.open('late');
    await service.resume(id);
    await second?.reached;
    second?.open('now');

    expect(await ended(service, id)).toMatchObject({ status: 'succeeded', output: { a: 'now' } });
    expect(most).toBe(1);
  });
});

describe('a fallback workflow', () => {
  const parent = () =>
    workflow('parent', { fallback: ['plan-b'] }).node('a', { run: () => Promise.reject(new Error('no')) });

  it('ends with its parent when that is cancelled', async () => {
    const door = gate();
    const store = new MemoryExecutionStore();
    const planB = workflow('plan-b').node('b', { run: () => (door.arrive(), door.opened) });
    const service = await boot({ definitions: [parent(), planB], store });
    const { id } = await service.start('parent', {});
    await door.reached;

    await service.cancel(id);

    expect(await ended(service, id)).toMatchObject({ status: 'cancelled' });
    expect((await service.list({ workflow: 'plan-b' })).items).toMatchObject([{ status: 'cancelled', parentId: id }]);
  });

  it('ends with its parent when that passes its deadline', async () => {
    const planB = workflow('plan-b').node('b', { run: () => new Promise(() => undefined) });
    const hasty = workflow('hasty', { fallback: ['plan-b'], deadline: 50 }).node('a', {
      run: () => Promise.reject(new Error('no')),
    });
    const service = await boot({ definitions: [hasty, planB] });

    const failed = await ended(service, (await service.start('hasty', {})).id);

    expect(failed.error).toMatchObject({ code: 'RESILIENCE_WORKFLOW_DEADLINE' });
    expect((await service.list({ workflow: 'plan-b' })).items).toMatchObject([{ status: 'cancelled' }]);
  });

  it('that a killed process left running ends when the parent succeeds by itself after all', async () => {
    const store = new MemoryExecutionStore();
    const planB = workflow('plan-b').node('b', { constant: 1 });
    const mended = workflow('parent', { fallback: ['plan-b'] }).node('a', { constant: 'mended' });
    const record = {
      status: 'running',
      owner: 'dead',
      input: {},
      inputHash: 'h',
      createdAt: 1,
    } as const;
    const totals = { nodes: 0, attempts: 0, retries: 0, fallbacks: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
    const rest = { resumes: 0, degraded: false, totals };
    await store.create({ id: '1', workflow: 'parent', version: mended.build().version, ...record, ...rest });
    await store.create({
      ...{
        id: '2',
        version: planB.build().version,
        workflow: 'plan-b',
        parentId: '1',
        idempotencyKey: '1:fallback:plan-b',
      },
      ...record,
      ...rest,
    });

    const service = await boot({ definitions: [mended, planB], store });

    expect(await ended(service, '1')).toMatchObject({ status: 'succeeded', output: { a: 'mended' } });
    expect(await store.find('2')).toMatchObject({ status: 'cancelled' });
  });
});

describe('retention', () => {
  it('removes what ended long ago, at boot', async () => {
    const store = new MemoryExecutionStore();
    const first = await boot({ definitions: [chain()], store });
    const { id } = await ended(first, (await first.start('chain', {})).id);
    const old = (await store.find(id))!;
    await store.prune(Number.MAX_SAFE_INTEGER, 10);
    await store.create({ ...old, status: 'running', owner: 'x' });
    await store.finish(
      { id, owner: 'x', fence: 0 },
      { status: 'succeeded', finishedAt: 1, degraded: false, totals: old.totals },
    );
    await app?.close();

    const second = await boot({ definitions: [chain()], store, retention: '1d' });

    expect((await second.list()).items).toEqual([]);
  });

  it('is refused at boot by a store that cannot forget', async () => {
    const store: ExecutionStore = Object.assign(new MemoryExecutionStore(), { prune: undefined });

    await expect(boot({ store, retention: '1d' })).rejects.toMatchObject({ code: 'RESILIENCE_LEDGER_FEATURE' });
    await boot({ store });
  });
});

describe('workflow files that change while the application runs', () => {
  const file = (value: string, extra = ''): void =>
    writeFileSync(
      join(directory, 'live.yaml'),
      `name: live\nnodes:\n  wait: { call: wait }\n  say: { after: wait, constant: ${value} }${extra}\n`,
    );

  it('are taken in use, while executions that have not ended stay on their version', async () => {
    const door = gate();
    file('old');
    const wait = (): unknown => (door.arrive(), door.opened);
    const service = await boot({ directory, handlers: { wait }, limits: { running: 1 } });
    const running = await service.start('live', {});
    const queued = await service.start('live', {});
    await door.reached;

    file('new');
    const report = await service.reload();
    const next = await service.start('live', {});
    door.open('done');

    expect(report).toEqual({ added: [], changed: ['live'], removed: [] });
    expect((await ended(service, running.id)).output).toEqual({ say: 'old' });
    expect((await ended(service, queued.id)).output).toEqual({ say: 'old' });
    expect((await ended(service, next.id)).output).toEqual({ say: 'new' });
  });

  it('change nothing when one of them has a problem, which is named with file, line and column', async () => {
    file('old');
    const service = await boot({ directory, handlers: { wait: () => 1 } });
    writeFileSync(join(directory, 'other.yaml'), 'name: other\nnodes:\n  a: { constant: 1 }\n');

    file('new', '\n  bad: { after: nobody, constant: 1 }');

    await expect(service.reload()).rejects.toThrow(/live\.yaml:\d+:\d+: live > bad: waits for 'nobody'/);
    expect(service.definitions().map(({ name }) => name)).toEqual(['live']);
    const { id } = await service.start('live', {});
    expect((await ended(service, id)).output).toEqual({ say: 'old' });
  });

  it('are seen by themselves with `watch`', async () => {
    file('old');
    let seen!: () => void;
    const reloaded = new Promise<void>((resolve) => (seen = resolve));
    const service = await boot({ directory, handlers: { wait: () => 1 }, watch: true }, (line) => {
      if (line.startsWith('Workflows changed: live')) seen();
    });

    file('new');
    await reloaded;

    const { id } = await service.start('live', {});
    expect((await ended(service, id)).output).toEqual({ say: 'new' });
  });

  it('go on with what failed on the new version', async () => {
    writeFileSync(join(directory, 'mend.yaml'), 'name: mend\nnodes:\n  a: { call: fails }\n');
    const service = await boot({ directory, handlers: { fails: () => Promise.reject(new Error('no')) } });
    const { id } = await ended(service, (await service.start('mend', {})).id);

    writeFileSync(join(directory, 'mend.yaml'), 'name: mend\nnodes:\n  a: { constant: mended }\n');
    await service.reload();
    await service.resume(id);

    expect(await ended(service, id)).toMatchObject({ status: 'succeeded', output: { a: 'mended' } });
  });
});
