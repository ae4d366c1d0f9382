import 'reflect-metadata';
import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RESILIENCE_CLOCK, ResilienceModule } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { MemoryExecutionStore, type StepContext, workflow, WorkflowModule, WorkflowService } from '../index.js';

let apps: INestApplication[] = [];
let clients: ClientRequest[] = [];

afterEach(async () => {
  for (const client of clients) client.destroy();
  for (const app of apps) await app.close();
  [apps, clients] = [[], []];
});

async function boot(run: (context: StepContext) => unknown, store = new MemoryExecutionStore(), resume = true) {
  const clock = new FakeClock();
  const batch = workflow('batch')
    .node('list', { constant: [1, 2, 3, 4] })
    .node('label', { after: 'list', each: { items: 'list', partial: true, concurrency: 1, run } });
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      WorkflowModule.forRoot({ definitions: [batch], http: 'open', store, resume }),
    ],
  })
    .overrideProvider(RESILIENCE_CLOCK)
    .useValue(clock)
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  const app = module.createNestApplication();
  apps.push(app);
  await app.listen(0, '127.0.0.1');
  return { app, clock, service: app.get(WorkflowService) };
}

interface Event {
  readonly id?: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

async function* follow(app: INestApplication, id: string): AsyncGenerator<Event> {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const client = get({ port, path: `/executions/${id}/events`, agent: false });
  clients.push(client);
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const frame = text.slice(0, end);
      text = text.slice(end + 2);
      const [, eventId, type, data] = /^(?:id: (\d+)\n)?event: (.+)\ndata: (.+)$/.exec(frame) ?? [];
      if (data !== undefined)
        yield { ...(eventId !== undefined && { id: Number(eventId) }), type: type!, data: JSON.parse(data) };
    }
  }
}

/** Items that wait until the test lets the next one go. */
function turnstile() {
  let arrived: () => void = () => undefined;
  let release: () => void = () => undefined;
  let waits = new Promise<void>((resolve) => (arrived = resolve));
  const run = async ({ index }: StepContext): Promise<number> => {
    const free = new Promise<void>((resolve) => (release = resolve));
    arrived();
    await free;
    if (index === 1) throw new Error('no');
    return index!;
  };
  /** The next item is at work. */
  const next = async (): Promise<void> => {
    const before = waits;
    waits = new Promise<void>((resolve) => (arrived = resolve));
    release();
    await waits;
    await before;
  };
  return { run, first: () => waits, next, release: () => release() };
}

/** Moves the clock until `done` is: what is waited for may need more turns of the loop than one step of the clock allows. */
async function timePasses<T>(clock: FakeClock, done: Promise<T>): Promise<T> {
  let over = false;
  const end = (): void => void (over = true);
  done.then(end, end);
  while (!over) await clock.advance('1s');
  return done;
}

describe('what goes on in an execution', () => {
  it('is told without ids: nodes that begin, attempts that end, and how far a list has come, once a second', async () => {
    const gate = turnstile();
    const { app, clock, service } = await boot(gate.run);
    const { id } = await service.start('batch', {});
    await gate.first();
    const events = follow(app, id);
    const until = async (type: string): Promise<Event[]> => {
      const seen: Event[] = [];
      for (let event = await events.next(); ; event = await events.next()) {
        if (event.done) return seen;
        seen.push(event.value);
        if (event.value.type === type) return seen;
      }
    };

    const before = await until('node.progress');
    await gate.next();
    await gate.next();
    const after = await timePasses(clock, until('node.progress'));
    gate.release();
    const rest: Event[] = [];
    const done = until('execution.succeeded').then((seen) => rest.push(...seen));
    await gate.next();
    gate.release();
    await timePasses(clock, done);

    expect(before.map(({ type }) => type)).toEqual([
      'execution.accepted',
      'node.succeeded',
      'node.started',
      'node.progress',
    ]);
    expect(before[2]).toEqual({ type: 'node.started', data: { node: 'label', startedAt: expect.any(String) } });
    expect(before[3]).toEqual({ type: 'node.progress', data: { node: 'label', done: 0, failed: 0, total: 4 } });
    expect(after.filter(({ type }) => type === 'node.attempt').map(({ data }) => data)).toMatchObject([
      { node: 'label', number: 1, index: 0, outcome: 'succeeded' },
      { node: 'label', number: 2, index: 1, outcome: 'failed', error: { message: 'no' } },
    ]);
    expect(after.at(-1)).toEqual({ type: 'node.progress', data: { node: 'label', done: 2, failed: 1, total: 4 } });
    expect(rest.filter((event) => event.id !== undefined).map(({ type }) => type)).toEqual([
      'node.succeeded',
      'execution.succeeded',
    ]);
    expect(await service.atWork(await service.get(id))).toEqual([]);
  });

  it('of another process is told by what its items left in the ledger', async () => {
    const store = new MemoryExecutionStore();
    const gate = turnstile();
    const first = await boot(gate.run, store);
    const { id } = await first.service.start('batch', {});
    await gate.first();
    await gate.next();
    await gate.next();
    const second = await boot(gate.run, store, false);

    const seen: Event[] = [];
    for await (const event of follow(second.app, id)) if (seen.push(event) === 3) break;

    expect(seen.map(({ type }) => type)).toEqual(['execution.accepted', 'node.succeeded', 'node.progress']);
    expect(seen[2]).toEqual({ type: 'node.progress', data: { node: 'label', done: 2, failed: 1 } });
    await gate.next();
    gate.release();
  });
});
