/**
 * A body costs memory and a turn of the event loop before a guard of Nest is asked: Express and Fastify parse first. On a route that
 * is closed nobody should make the process pay for that. Told apart by what the answer is: a body that was looked at is a 400 or 413.
 */
import 'reflect-metadata';

import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Module, Param, Post, VersioningType } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport } from '@nestjs/microservices';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule, AdminRoute, BodyGate } from '@nest-resilience/core/admin';
import { workflow, WorkflowModule } from '@nest-resilience/workflow';

const TOKEN = 'a-token-for-the-test';
const QUIET = { logger: false, abortOnError: false } as const;
const RIGHT = { authorization: `Bearer ${TOKEN}` };

/** Closed as a whole, and a method of an open one. */
@Controller('maintenance')
@AdminRoute()
class Closed {
  @Post('flush/:what')
  flush(@Body() body: unknown): unknown {
    return { got: body };
  }
}

@Controller('shop')
class Own {
  /** The path ends as one of the closed routes does. */
  @Post('executions/:id/retry')
  retry(@Param('id') id: string, @Body() body: unknown): unknown {
    return { id, got: body };
  }

  @Post('switch')
  @AdminRoute()
  turn(@Body() body: unknown): unknown {
    return { got: body };
  }

  @Get('switch')
  look(): string {
    return 'open';
  }
}

const DEFINITIONS = { definitions: [workflow('w').node('a', { constant: 1 }).build()] };

@Module({
  imports: [ResilienceModule.forRoot(), AdminModule.forRoot({ token: TOKEN }), WorkflowModule.forRoot(DEFINITIONS)],
  controllers: [Closed, Own],
})
class Shop {}

@Module({ imports: [ResilienceModule.forRoot(), WorkflowModule.forRoot(DEFINITIONS)] })
class WithoutAdmin {}

type App = NestExpressApplication | NestFastifyApplication;

let app: App;

afterEach(() => app.close());

interface Setup {
  readonly root?: new () => object;
  readonly configure?: (app: App) => unknown;
  readonly bodyParser?: boolean;
}

async function start(adapter: ExpressAdapter | FastifyAdapter, setup: Setup = {}) {
  const { root = Shop, configure, bodyParser = true } = setup;
  const module = await Test.createTestingModule({ imports: [root] }).compile();
  app = module.createNestApplication(adapter as ExpressAdapter, { logger: false, bodyParser });
  configure?.(app);
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

const JSON_TYPE = { 'content-type': 'application/json' };
const post = (url: string, body: string, headers: Record<string, string> = {}, method = 'POST') =>
  fetch(url, { method, headers: { ...JSON_TYPE, ...headers }, body });

/** Of unknown length, so that it is sent in chunks. */
const inChunks = (text: string) => new ReadableStream({ start: (c) => (c.enqueue(Buffer.from(text)), c.close()) });

const MALFORMED = '{"text":';
const TOO_LARGE = JSON.stringify({ text: 'x'.repeat(2_000_000) });

const CLOSED: [method: string, path: string][] = [
  ['POST', '/dead-letters/redrive'],
  ['POST', '/dead-letters/purge'],
  ['POST', '/dead-letters/some-id/discard'],
  ['PATCH', '/dead-letters/some-id'],
  ['POST', '/resilience/circuits/some/open'],
  ['POST', '/workflows/w/executions?wait=1s'],
  ['POST', '/executions/some-id/retry'],
  ['POST', '/maintenance/flush/all'],
  ['POST', '/shop/switch'],
];

const ADAPTERS: [string, () => ExpressAdapter | FastifyAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

describe.each(ADAPTERS)('On %s', (framework, adapter) => {
  it.each<[string, string, Record<string, string>]>([
    ['malformed', MALFORMED, {}],
    ['malformed, with a wrong token', MALFORMED, { authorization: 'Bearer wrong' }],
    ['too large', TOO_LARGE, {}],
    ['of an encoding that nobody reads', MALFORMED, { 'content-encoding': 'compress' }],
    ['a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('a body that is %s says nothing but 401 without the right token', async (_, body, headers) => {
    const url = await start(adapter());

    for (const [method, path] of CLOSED) {
      const response = await post(url + path, body, headers, method);

      const { code } = (await response.json()) as { code: string };
      expect([path, response.status, code]).toEqual([path, 401, 'RESILIENCE_ADMIN_UNAUTHORIZED']);
      expect(response.headers.get('www-authenticate')).toMatch('Bearer');
      expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    }
  });

  it('no more does one that comes in chunks', async () => {
    const url = await start(adapter());

    const response = await fetch(`${url}/dead-letters/purge`, {
      ...{ method: 'POST', headers: JSON_TYPE, body: inChunks(MALFORMED), duplex: 'half' },
    });

    expect(response.status).toBe(401);
  });

  it('with the right token bodies are read and judged as before', async () => {
    const url = await start(adapter());

    for (const [method, path] of CLOSED) {
      const statuses = [];
      for (const body of [MALFORMED, TOO_LARGE]) statuses.push((await post(url + path, body, RIGHT, method)).status); // prettier-ignore
      expect([path, ...statuses]).toEqual([path, 400, 413]);
    }
    const flushed = await post(`${url}/maintenance/flush/all`, '{"a":1}', RIGHT);
    expect(await flushed.json()).toEqual({ got: { a: 1 } });
  });

  it("the application's own routes get their bodies, also where a path ends like a closed one", async () => {
    const url = await start(adapter());

    const own = await post(`${url}/shop/executions/7/retry`, '{"a":1}');
    const malformed = await post(`${url}/shop/executions/7/retry`, MALFORMED);

    expect(await own.json()).toEqual({ id: '7', got: { a: 1 } });
    expect(malformed.status).toBe(400);
  });

  it.each<[string, (app: App) => unknown, string]>([
    ['a prefix', (application) => application.setGlobalPrefix('api/:tenant'), '/api/x'],
    ['versions in the path', (application) => application.enableVersioning({ type: VersioningType.URI }), ''],
    [
      'versions in a header',
      (application) => application.enableVersioning({ type: VersioningType.HEADER, header: 'v' }),
      '',
    ],
  ])('under %s it is the same', async (_, configure, prefix) => {
    const url = await start(adapter(), { configure });

    const closed = await post(`${url}${prefix}/executions/some-id/retry`, MALFORMED, { v: '2' });

    expect(closed.status).toBe(401);
  });

  it('without AdminModule nobody has a token, and nothing is read', async () => {
    const url = await start(adapter(), { root: WithoutAdmin });

    const response = await post(`${url}/workflows/w/executions`, MALFORMED, RIGHT);

    expect([response.status, await response.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'RESILIENCE_ADMIN_CLOSED' }),
    ]);
  });

  it('one connection can be used again after a refused body', async () => {
    const url = await start(adapter());

    const refused = await post(`${url}/dead-letters/purge`, TOO_LARGE);
    await refused.text();
    const next = await fetch(`${url}/shop/switch`);

    expect([refused.status, await next.text()]).toEqual([401, 'open']);
  });

  if (framework === 'Express') {
    it('a parser that the application put before everything is skipped as well', async () => {
      const configure = (application: App) =>
        (application as NestExpressApplication).useBodyParser('json', { limit: '5mb' });
      const url = await start(adapter(), { configure, bodyParser: false });

      const refused = await post(`${url}/dead-letters/purge`, MALFORMED);
      const read = await post(`${url}/maintenance/flush/all`, TOO_LARGE, RIGHT);

      expect([refused.status, read.status]).toEqual([401, 201]);
    });

    it("a parser of the application's own making is, where the gate stands before it", async () => {
      const parse = (request: IncomingMessage & { body?: unknown }, response: ServerResponse, next: () => void) => {
        if (request.headers['content-length'] === undefined) return next();
        void json(request).then(
          (body) => ((request.body = body), next()),
          () => response.writeHead(400).end(),
        );
      };
      const configure = (application: App) => {
        application.use(application.get(BodyGate, { strict: false }).middleware);
        application.use(parse);
      };
      const url = await start(adapter(), { configure, bodyParser: false });

      const refused = await post(`${url}/dead-letters/purge`, MALFORMED);
      const own = await post(`${url}/shop/executions/7/retry`, '{"a":1}');

      expect([refused.status, await own.json()]).toEqual([401, { id: '7', got: { a: 1 } }]);
    });

    it('a path that cannot be decoded is a fault of the client', async () => {
      const url = await start(adapter());

      const response = await post(`${url}/dead-letters/%ff/discard`, '{}');

      expect(response.status).toBe(400);
    });
  }
});

describe('Where nothing listens to HTTP', () => {
  it.each<[string, () => Promise<{ close(): Promise<void> }>]>([
    ['an application context', () => NestFactory.createApplicationContext(Shop, QUIET)],
    ['a microservice', () => NestFactory.createMicroservice(Shop, { ...QUIET, transport: Transport.TCP })],
  ])('%s starts with the same modules', async (_, create) => {
    const application = await create();

    await expect(application.close()).resolves.toBeUndefined();
  });
});
