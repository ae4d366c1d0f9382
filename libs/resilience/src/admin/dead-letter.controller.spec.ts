import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import type { DeadLetterRecord } from '../dead-letter/dead-letter.entry.js';
import { deadLetterRecord } from '../dead-letter/store/dead-letter-store.contract.js';
import { encodeArgs } from '../dead-letter/capture/serializer.js';
import { DeadLetterService } from '../dead-letter/dead-letter.service.js';
import { MemoryDeadLetterStore } from '../dead-letter/store/memory.store.js';
import { systemClock } from '../engine/clock.js';
import { AdminGuard } from './admin.guard.js';
import { RESILIENCE_ADMIN } from './admin.options.js';
import { DeadLetterController } from './dead-letter.controller.js';

const TOKEN = 'a-token-that-is-long-enough';

let app: INestApplication<Server>;
let store: MemoryDeadLetterStore;
let calls: unknown[][];
let outcome: () => Promise<unknown>;

beforeEach(async () => {
  store = new MemoryDeadLetterStore();
  calls = [];
  outcome = () => Promise.resolve();
  const service = new DeadLetterService({
    ...{ store, clock: systemClock },
    events: { listens: () => false, emit: () => undefined },
    replay: (_, args) => {
      calls.push(args);
      return outcome();
    },
  });
  const testing = await Test.createTestingModule({
    controllers: [DeadLetterController],
    providers: [
      ...[{ provide: DeadLetterService, useValue: service }, AdminGuard],
      { provide: RESILIENCE_ADMIN, useValue: { by: 'token', token: TOKEN } },
    ],
  }).compile();
  app = testing.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
});

afterEach(() => app.close());

function send(method: 'get' | 'post' | 'patch', path: string, body?: object) {
  const sent = request(app.getHttpServer())[method](path).set('authorization', `Bearer ${TOKEN}`);
  return body === undefined ? sent : sent.send(body);
}

function importing(text: string) {
  return request(app.getHttpServer())
    .post('/dead-letters/import')
    .set('authorization', `Bearer ${TOKEN}`)
    .set('content-type', 'application/x-ndjson')
    .send(text);
}

function asText(response: request.Response, done: (error: null, body: string) => void): void {
  let body = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => (body += chunk));
  response.on('end', () => done(null, body));
}

async function stored(change: Partial<DeadLetterRecord> = {}): Promise<DeadLetterRecord> {
  const record = deadLetterRecord(change);
  await store.add(record);
  return record;
}

describe('the dead-letter routes', () => {
  it('are closed to strangers', async () => {
    await request(app.getHttpServer()).get('/dead-letters').expect(401);
    await request(app.getHttpServer()).post('/dead-letters/x/redrive').expect(401);
  });

  it('list by filter and page', async () => {
    const [first, second] = [await stored(), await stored()];
    await stored({ queue: 'other' });

    const page = await send('get', '/dead-letters?queue=orders&status=pending,poisoned&from=2020-01-01&limit=1').expect(
      200,
    );
    const next = await send('get', `/dead-letters?queue=orders&limit=1&cursor=${page.body.nextCursor}`).expect(200);

    expect(page.body).toMatchObject({ items: [{ id: second.id }], nextCursor: second.id });
    expect(next.body).toMatchObject({ items: [{ id: first.id }], nextCursor: null });
  });

  it('count by queue and status', async () => {
    await stored();

    const { body } = await send('get', '/dead-letters/counts').expect(200);

    expect(body.counts).toEqual([{ queue: 'orders', status: 'pending', count: 1, oldestAt: expect.any(Number) }]);
  });

  it('show one entry with what its arguments are', async () => {
    const { id } = await stored({ args: encodeArgs([new Date(5), 7n], { redact: false, maxArgsBytes: 1e6 }).args });

    const { body } = await send('get', `/dead-letters/${id}`).expect(200);

    expect(body.args).toEqual(['1970-01-01T00:00:00.005Z', '7']);
    expect(body.argsMeta.values).toEqual({ '0': ['Date'], '1': ['bigint'] });
  });

  it('redrive one, and say how it ended', async () => {
    const { id } = await stored();
    outcome = () => Promise.reject(new Error('still down'));

    const failed = await send('post', `/dead-letters/${id}/redrive`).expect(200);
    outcome = () => Promise.resolve();
    const resolved = await send('post', `/dead-letters/${id}/redrive`).expect(200);

    expect(failed.body).toEqual({
      ...{ id, outcome: 'failed', status: 'pending', redrives: 1 },
      error: { name: 'Error', message: 'still down' },
    });
    expect(resolved.body).toEqual({ id, outcome: 'resolved', status: 'resolved', redrives: 2 });
  });

  it('redrive many', async () => {
    for (let i = 0; i < 3; i++) await stored();

    const dry = await send('post', '/dead-letters/redrive', { filter: { queue: 'orders' }, dryRun: true }).expect(200);
    const options = { ratePerSecond: 1_000, concurrency: 2, limit: 2 };
    const wet = await send('post', '/dead-letters/redrive', options).expect(200);

    expect(dry.body).toMatchObject({ matched: 3, resolved: 0, dryRun: true });
    expect(wet.body).toMatchObject({ matched: 2, resolved: 2, cancelled: false });
  });

  it('stop a batch whose client has gone', async () => {
    for (let i = 0; i < 3; i++) await stored();
    const client = new AbortController();
    const closed = new Promise<void>((resolve) => {
      outcome = async () => {
        client.abort();
        setImmediate(resolve);
      };
    });
    const { port } = app.getHttpServer().address() as AddressInfo;
    const answer = fetch(`http://127.0.0.1:${port}/dead-letters/redrive`, {
      ...{ method: 'POST', signal: client.signal, body: '{"ratePerSecond": 0.01}' },
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    });

    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    await closed;
    await app.close();

    expect(calls).toHaveLength(1);
  });

  it('edit arguments with their types', async () => {
    const { id } = await stored({ args: encodeArgs([{ at: new Date(5) }], { redact: false, maxArgsBytes: 1e6 }).args });
    const { body: entry } = await send('get', `/dead-letters/${id}`);
    entry.args[0].at = '2026-02-03T00:00:00.000Z';

    await send('patch', `/dead-letters/${id}`, { args: entry.args, argsMeta: entry.argsMeta, note: 'date' }).expect(
      200,
    );
    await send('post', `/dead-letters/${id}/redrive`).expect(200);

    expect(calls).toEqual([[{ at: new Date('2026-02-03') }]]);
  });

  it('show no secret that a redriven method repeats', async () => {
    const { id } = await stored();
    outcome = () => Promise.reject(new Error('Bearer abcdef123456 was refused'));

    const { body } = await send('post', `/dead-letters/${id}/redrive`).expect(200);

    expect(body.error).toEqual({ name: 'Error', message: 'Bearer [redacted] was refused' });
  });

  it('take in what they gave out, as often as it is sent', async () => {
    const [a, b] = [await stored(), await stored({ status: 'resolved', closedAt: 5 })];
    const exported = [a, b].map((record) => `${JSON.stringify(record)}\n`).join('no entry\n');
    await store.purge({ status: ['pending', 'resolved'] });

    const first = await importing(exported).expect(200);
    const again = await importing(exported).expect(200);

    expect(first.body).toEqual({
      ...{ added: 2, merged: 0, known: 0, refusedLines: 1 },
      refused: [{ line: 2, problem: expect.stringContaining('no JSON') }],
    });
    expect(again.body).toMatchObject({ added: 0, known: 2 });
    expect(await store.get(a.id)).toEqual(a);
  });

  it('take in only what is sent as NDJSON, and only from operators', async () => {
    await request(app.getHttpServer()).post('/dead-letters/import').set('content-type', 'application/x-ndjson').send('{}').expect(401); // prettier-ignore

    const { body } = await send('post', '/dead-letters/import', { id: 'x' }).expect(415);

    expect(body).toMatchObject({ code: 'RESILIENCE_DEAD_LETTER_MEDIA_TYPE', status: 415 });
  });

  it('discard and purge', async () => {
    const { id } = await stored();

    const { body } = await send('post', `/dead-letters/${id}/discard`, { note: 'paid by hand' }).expect(200);
    const purged = await send('post', '/dead-letters/purge', { filter: { queue: 'orders' } }).expect(200);

    expect(body).toMatchObject({ status: 'discarded', note: 'paid by hand' });
    expect(purged.body).toEqual({ removed: 1 });
  });

  it('export NDJSON', async () => {
    const [a, b] = [await stored(), await stored()];

    const { text, headers } = await request(app.getHttpServer())
      .get('/dead-letters/export?queue=orders')
      .set('authorization', `Bearer ${TOKEN}`)
      .buffer()
      .parse(asText)
      .then((answer) => ({ text: answer.body as string, headers: answer.headers }));

    expect(headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
    expect(text.trim().split('\n').map((line): unknown => JSON.parse(line))).toEqual([a, b]); // prettier-ignore
  });
});

describe('what cannot be done', () => {
  it.each([
    ['get', '/dead-letters?limit=many&status=done&from=soon&quue=x', undefined, ['quue', 'status', 'from', 'limit']],
    ['get', '/dead-letters/export?limit=5', undefined, ['limit']],
    ['post', '/dead-letters/redrive', { ratePerSecond: -1, limit: 'all', filter: {} }, ['ratePerSecond', 'limit']],
    ['post', '/dead-letters/redrive', { concurrency: 1.5 }, ['concurrency']],
    ['post', '/dead-letters/redrive', { filter: { statuss: 1 } }, ['statuss']],
    ['post', '/dead-letters/redrive', { rate: 5 }, ['rate']],
    ['post', '/dead-letters/purge', {}, ['filter']],
    ['patch', '/dead-letters/ID', { args: 'A-1', note: 5 }, ['args', 'note']],
    ['patch', '/dead-letters/ID', { args: [{ a: 1 }], argsMeta: { values: { '0.__proto__.x': ['Date'] } } }, ['args']],
    ['patch', '/dead-letters/ID', {}, ['args']],
    ['patch', '/dead-letters/ID', { args: [{ at: '2026-02-03' }] }, ['argsMeta']],
    ['patch', '/dead-letters/ID', { args: [], argsMeta: null }, ['args']],
    ['patch', '/dead-letters/ID', { args: [{ pin: '[redacted]' }], argsMeta: null }, ['args[0].pin']],
    ['patch', '/dead-letters/ID', { args: [{ at: 'soon' }], argsMeta: { values: { '0.at': ['Date'] } } }, ['args']],
    ['patch', '/dead-letters/ID', { args: [{}], argsMeta: { values: { '0.at': ['Map'] } } }, ['args']],
    ['post', '/dead-letters/ID/discard', { note: 5 }, ['note']],
  ] as const)('%s %s with %j is answered with 400 and every field at fault', async (method, path, body, fields) => {
    const { id } = await stored();

    const answer = await send(method, path.replace('ID', id), body).expect(400);

    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.body).toMatchObject({ status: 400, code: 'RESILIENCE_OPTIONS' });
    expect((answer.body.errors as { field: string }[]).map(({ field }) => field)).toEqual(fields);
  });

  it('an unknown id is a 404 with the id', async () => {
    for (const [method, path] of [
      ['get', ''],
      ['post', '/redrive'],
      ['post', '/discard'],
    ] as const) {
      const answer = await send(method, `/dead-letters/nowhere${path}`).expect(404);

      expect(answer.body).toMatchObject({ status: 404, code: 'RESILIENCE_DEAD_LETTER_NOT_FOUND', id: 'nowhere' });
    }
  });

  it('a closed entry is a 409 that says why', async () => {
    const { id } = await stored({ status: 'resolved' });

    const { body } = await send('post', `/dead-letters/${id}/redrive`).expect(409);

    expect(body).toMatchObject({
      code: 'RESILIENCE_DEAD_LETTER_CLOSED',
      detail: expect.stringContaining('is resolved'),
    });
  });
});
