import 'reflect-metadata';
import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import { ExecutionStreams } from './execution-streams.js';
import { MemoryExecutionStore, workflow, WorkflowModule, WorkflowService } from '../index.js';

let app: INestApplication | undefined;
let client: ClientRequest | undefined;

afterEach(async () => {
  client?.destroy();
  await app?.close();
  app = undefined;
});

/** What a step waits for until the test lets it go. */
function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

async function boot(run: () => unknown = () => 'b', store = new MemoryExecutionStore(), followers = 1_000) {
  const steps = workflow('steps')
    .node('a', { constant: 'line one\nline two' })
    .node('b', { run, after: 'a' })
    .node('c', { constant: 'c', after: 'b' });
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      WorkflowModule.forRoot({ definitions: [steps], http: 'open', store, limits: { followers } }),
    ],
  })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  app = module.createNestApplication();
  await app.listen(0, '127.0.0.1');
  return app.get(WorkflowService);
}

interface Event {
  readonly id: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

async function open(id: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const { port } = app?.getHttpServer().address() as AddressInfo;
  client = get({ port, path: `/executions/${id}/events`, headers, agent: false });
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  return response.setEncoding('utf8');
}

/** Events as they come; ends with the stream. */
async function* follow(response: IncomingMessage): AsyncGenerator<Event> {
  let text = '';
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const frame = text.slice(0, end);
      text = text.slice(end + 2);
      const [, eventId, type, data] = /^id: (\d+)\nevent: (.+)\ndata: (.+)$/.exec(frame) ?? [];
      if (data !== undefined) yield { id: Number(eventId), type: type ?? '', data: JSON.parse(data) };
    }
  }
}

async function all(response: IncomingMessage): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of follow(response)) events.push(event);
  return events;
}

const TYPES = ['execution.accepted', 'node.succeeded', 'node.succeeded', 'node.succeeded', 'execution.succeeded'];

describe('GET /executions/:id/events', () => {
  it('tells what happened and goes on while it happens, until the end', async () => {
    const door = gate();
    const service = await boot(() => door.opened);
    const { id } = await service.start('steps', {});

    const response = await open(id);
    const events = follow(response);
    const first = [(await events.next()).value as Event, (await events.next()).value as Event];
    door.open();
    const rest: Event[] = [];
    for await (const event of events) rest.push(event);

    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect([...first, ...rest].map(({ type }) => type)).toEqual(TYPES);
    expect(first[1]?.data).toMatchObject({ node: 'a', result: 'line one\nline two', attemptCount: 1 });
    expect(rest.at(-1)?.data).toMatchObject({ id, status: 'succeeded', output: { c: 'c' } });
    expect(rest.at(-1)?.data).not.toHaveProperty('input');
  });

  it('goes on after the event that a client saw last, under the same ids, also in another process', async () => {
    const store = new MemoryExecutionStore();
    const before = await boot(undefined, store);
    const { id } = await before.start('steps', {});
    await before.wait(id);
    const seen = await all(await open(id));
    await app?.close();
    await boot(undefined, store);

    const missed = await all(await open(id, { 'last-event-id': String(seen[2]?.id) }));
    const nothing = await open(id, { 'last-event-id': String(seen[4]?.id) });

    expect(seen.map(({ type }) => type)).toEqual(TYPES);
    expect(seen.map((event) => event.id)).toEqual([...new Set(seen.map((event) => event.id))].sort((a, b) => a - b));
    expect(missed).toEqual(seen.slice(3));
    expect(nothing.statusCode).toBe(204);
  });

  it('counts on when a failed execution goes on', async () => {
    let broken = true;
    const service = await boot(() => (broken ? Promise.reject(new Error('no luck')) : 'b'));
    const { id } = await service.start('steps', {});
    await service.wait(id);
    const failed = await all(await open(id));
    broken = false;
    await service.resume(id);

    const rest = await all(await open(id, { 'last-event-id': String(failed.at(-1)?.id) }));

    expect(failed.map(({ type }) => type)).toEqual([
      'execution.accepted',
      'node.succeeded',
      'node.failed',
      'execution.failed',
    ]);
    expect(failed.at(-1)?.data).toMatchObject({ error: { message: 'no luck', node: 'b' } });
    expect(rest.map(({ type, data }) => [type, data['node']])).toEqual([
      ['node.succeeded', 'b'],
      ['node.succeeded', 'c'],
      ['execution.succeeded', undefined],
    ]);
  });

  it('reads the ledger no more often for many who follow one execution than for one', async () => {
    class CountedReads extends MemoryExecutionStore {
      reads = 0;
      override get(id: string) {
        this.reads++;
        return super.get(id);
      }
    }
    const store = new CountedReads();
    const door = gate();
    const service = await boot(() => door.opened, store);
    const { id } = await service.start('steps', {});
    const following = await Promise.all(Array.from({ length: 20 }, () => open(id)));
    const events = following.map((response) => follow(response));
    for (const one of events) for (let seen = 0; seen < 2; seen++) await one.next();
    const before = store.reads;

    door.open();
    const ends = await Promise.all(
      events.map(async (one) => {
        const types: string[] = [];
        for await (const { type } of one) types.push(type);
        return types;
      }),
    );

    expect(ends).toEqual(Array(20).fill(TYPES.slice(2)));
    // Two nodes and the end; the executor reads as well.
    expect(store.reads - before).toBeLessThan(20);
    const reopened = await Promise.all(Array.from({ length: 3 }, () => open(id)));
    expect(await Promise.all(reopened.map(async (response) => (await all(response)).map(({ type }) => type)))).toEqual(Array(3).fill(TYPES)); // prettier-ignore
  });

  it('lets in no more followers than its limit, and says what to do instead', async () => {
    const door = gate();
    const service = await boot(() => door.opened, undefined, 2);
    const { id } = await service.start('steps', {});
    const first = await open(id);
    await open(id);
    const streams = app?.get(ExecutionStreams);
    const [stream] = [...(streams as unknown as { streams: Set<NodeJS.EventEmitter> }).streams];

    const refused = await open(id);
    let body = '';
    for await (const chunk of refused) body += String(chunk);
    const closed = once(stream!, 'close');
    first.destroy();
    await closed;
    const later = await open(id);

    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '10']);
    expect(JSON.parse(body)).toMatchObject({
      code: 'RESILIENCE_TOO_MANY_FOLLOWERS',
      detail: expect.stringContaining('?wait='),
    });
    expect(later.statusCode).toBe(200);
    later.destroy();
    door.open();
  });

  it('ends with a cancelled execution', async () => {
    const door = gate();
    const service = await boot(() => door.opened);
    const { id } = await service.start('steps', {});
    const response = await open(id);

    await service.cancel(id);

    expect((await all(response)).at(-1)?.type).toBe('execution.cancelled');
  });

  it('ends when the application shuts down, and forgets clients that went away', async () => {
    const door = gate();
    const service = await boot(() => door.opened);
    const { id } = await service.start('steps', {});
    const streams = app?.get(ExecutionStreams);
    const gone = await open(id);
    await follow(gone).next();
    const stream = [...(streams as unknown as { streams: Set<NodeJS.EventEmitter> }).streams][0]!;
    const closed = once(stream, 'close');

    gone.destroy();
    await closed;
    expect(streams?.size).toBe(0);

    const response = await open(id);
    const rest = all(response);
    door.open();
    await app?.close();
    app = undefined;
    expect((await rest).length).toBeGreaterThan(0);
  });

  it.each([['soon'], ['-1'], ['1e9']])('refuses %s as the id of an event', async (lastEventId) => {
    const service = await boot();
    const { id } = await service.start('steps', {});

    const response = await open(id, { 'last-event-id': lastEventId });

    expect(response.statusCode).toBe(400);
    expect(response.headers['content-type']).toMatch('application/problem+json');
  });

  it('does not know executions that are not there', async () => {
    await boot();

    expect((await open('nobody')).statusCode).toBe(404);
  });
});
