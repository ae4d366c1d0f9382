import 'reflect-metadata';

import { once } from 'node:events';
import { get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { ResilienceModule, ResilienceService, Retry } from '../index.js';
import { DEFAULT_EVENT_STREAM_OPTIONS } from './event-stream.js';
import { AdminModule, type AdminModuleOptions, EventLog } from './index.js';

const TOKEN = 'a-token-of-decent-length';
const authorization = `Bearer ${TOKEN}`;

@Injectable()
class Orders {
  @Retry(1)
  async charge(card: string): Promise<void> {
    return Promise.reject(Object.assign(new Error('gateway said password=hunter22'), { code: 'E_GATEWAY', card }));
  }
}

describe('EventsController', () => {
  let app: INestApplication<App>;

  afterEach(async () => {
    await app?.close();
  });

  const start = async (options: AdminModuleOptions = { token: TOKEN }) => {
    const imports = [ResilienceModule.forRoot(), AdminModule.forRoot(options)];
    const testing = await Test.createTestingModule({ imports, providers: [Orders] }).compile();
    app = testing.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    return app.get(ResilienceService);
  };
  const events = (query = '') =>
    request(app.getHttpServer())
      .get(`/resilience/events${query}`)
      .set('authorization', authorization)
      .expect(200)
      .then(({ body }) => body as { type: string; name: string; details: object }[]);
  const opened = (resilience: ResilienceService, circuit: string) =>
    resilience.events.emit('resilience.circuit.opened', { circuit });

  it('shows what protects what to everybody', async () => {
    await start({});

    const { body } = await request(app.getHttpServer()).get('/resilience/policies').expect(200);

    expect(body).toEqual([
      {
        name: 'Orders.charge',
        declaredIn: 'Orders',
        layers: [{ policy: 'Retry', source: 'method', options: expect.objectContaining({ maxRetries: 1 }) }],
      },
    ]);
  });

  it('shows to operators what a real call did, without its arguments, stacks and secrets', async () => {
    await start();
    await app
      .get(Orders)
      .charge('4111')
      .catch(() => undefined);

    const [event, ...more] = await events('?name=Orders.charge&type=resilience.retry.exhausted');

    expect(more).toEqual([]);
    expect(event).toMatchObject({
      type: 'resilience.retry.exhausted',
      name: 'Orders.charge',
      details: {
        policy: 'Orders.charge',
        error: { name: 'Error', message: 'gateway said password=[redacted]', code: 'E_GATEWAY' },
      },
    });
    expect(JSON.stringify(event)).not.toMatch(/4111|stack|hunter22/);
  });

  it('filters by name, type and limit, and names every bad field at once', async () => {
    const resilience = await start();
    for (const circuit of ['a', 'b', 'a', 'a']) opened(resilience, circuit);

    const last = await events('?name=a&type=resilience.circuit&limit=2');
    const bad = await request(app.getHttpServer())
      .get('/resilience/events?limit=none&follow=maybe&nam=a')
      .set('authorization', authorization)
      .expect(400);

    expect(last).toEqual([expect.objectContaining({ id: 3 }), expect.objectContaining({ id: 4 })]);
    expect(bad.headers['content-type']).toContain('application/problem+json');
    expect((bad.body as { errors: { field: string }[] }).errors.map(({ field }) => field).sort()).toEqual([
      'follow',
      'limit',
      'nam',
    ]);
  });

  it('is for operators only, and keeps nothing until there are any', async () => {
    const resilience = await start({});

    await request(app.getHttpServer()).get('/resilience/events').expect(403);

    expect(resilience.events.listens('resilience.retry.scheduled')).toBe(false);
  });

  it('can be switched off: no route, and no event is built for it', async () => {
    const resilience = await start({ token: TOKEN, events: false });

    await request(app.getHttpServer()).get('/resilience/events').set('authorization', authorization).expect(404);

    expect(resilience.events.listens('resilience.retry.scheduled')).toBe(false);
  });

  const follow = async (lastEventId = '0'): Promise<IncomingMessage> => {
    const { port } = (app.getHttpServer() as unknown as Server).address() as AddressInfo;
    const asked = get({
      port,
      host: '127.0.0.1',
      path: '/resilience/events?follow=true',
      headers: { authorization, 'last-event-id': lastEventId },
    });
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return response.setEncoding('utf8');
  };
  const readUntil = async (response: IncomingMessage, pattern: RegExp): Promise<string> => {
    let read = '';
    while (!pattern.test(read)) read += String(((await once(response, 'data')) as [string])[0]);
    return read;
  };

  it('streams what is kept after Last-Event-ID and then what happens, over a real connection', async () => {
    const resilience = await start();
    opened(resilience, 'first');
    opened(resilience, 'second');

    const response = await follow('1');
    const kept = await readUntil(response, /second/);
    opened(resilience, 'third');
    const live = await readUntil(response, /third/);
    response.destroy();

    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(response.headers['cache-control']).toBe('no-store, no-transform');
    expect(kept).not.toContain('first');
    expect(live).toMatch(/^id: 3\nevent: resilience.circuit.opened\ndata: \{.*\}\n\n$/);
  });

  it('writes an event once, however many follow, and lets in no more than a number of them', async () => {
    const resilience = await start();
    const { maxFollowers } = DEFAULT_EVENT_STREAM_OPTIONS;
    const following = await Promise.all(Array.from({ length: maxFollowers }, () => follow()));
    jest.spyOn(JSON, 'stringify');

    const refused = await follow();
    const body = await readUntil(refused, /\}/);
    const before = jest.mocked(JSON.stringify).mock.calls.length;
    opened(resilience, 'counted');
    const frames = await Promise.all(following.map((response) => readUntil(response, /counted/)));
    const writes = jest.mocked(JSON.stringify).mock.calls.length - before;
    jest.restoreAllMocks();
    for (const response of following) response.destroy();

    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '10']);
    expect(JSON.parse(body)).toMatchObject({ code: 'RESILIENCE_TOO_MANY_FOLLOWERS' });
    expect(frames).toHaveLength(maxFollowers);
    expect(writes).toBe(1);
  });

  it('lets go of a client that goes away', async () => {
    const resilience = await start();
    const response = await follow();
    const log = app.get(EventLog);
    const server = app.getHttpServer() as unknown as Server;
    const connections = () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    expect(log.followers).toBe(1);

    response.destroy();
    while ((await connections()) !== 0 || log.followers > 0) await new Promise((resolve) => setImmediate(resolve));
    opened(resilience, 'later');

    expect(log.followers).toBe(0);
  });

  it('ends its streams when the application closes', async () => {
    await start();
    const response = await follow();
    response.resume();
    const ended = once(response, 'end');

    await app.close();

    await expect(ended).resolves.toEqual([]);
  });
});
