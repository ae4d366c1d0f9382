/**
 * A body that Express or Fastify do not hand on (their limit is 100 kB or 1 MiB, an input may have 1 MiB) never reaches a
 * controller. The routes of this repository answer it as they answer everything else; those of the application as before.
 */
import 'reflect-metadata';

import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';

import { afterEach, describe, expect, it } from '@jest/globals';
import { type ArgumentsHost, Body, Catch, Controller, type ExceptionFilter, Module, Post } from '@nestjs/common';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { workflow, WorkflowModule } from '@nest-resilience/workflow';

@Controller()
class Own {
  @Post('own')
  take(@Body() body: object): object {
    return body;
  }
}

@Module({
  imports: [
    ResilienceModule.forRoot(),
    AdminModule.forRoot({ token: 'a-token-for-the-test' }),
    WorkflowModule.forRoot({ http: 'open', definitions: [workflow('w').node('a', { constant: 1 }).build()] }),
  ],
  controllers: [Own],
})
class Shop {}

type App = NestExpressApplication | NestFastifyApplication;

let app: App;

afterEach(() => app.close());

async function start(adapter: ExpressAdapter | FastifyAdapter, configure: (app: App) => unknown = () => undefined) {
  const module = await Test.createTestingModule({ imports: [Shop] }).compile();
  app = module.createNestApplication(adapter as ExpressAdapter, { logger: false });
  configure(app);
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

const JSON_TYPE = { 'content-type': 'application/json', authorization: 'Bearer a-token-for-the-test' };
const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body });

const LARGE = JSON.stringify({ text: 'x'.repeat(2_000_000) });

const ROUTES = ['/workflows/w/executions', '/executions/x/retry', '/dead-letters/import', '/dead-letters/x/discard'];

const ADAPTERS: [string, () => ExpressAdapter | FastifyAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

describe.each(ADAPTERS)('On %s', (framework, adapter) => {
  it('bodies that are too large or malformed are answered as problem+json with a stable code, on every route of ours', async () => {
    const url = await start(adapter());

    for (const route of ROUTES) {
      for (const [body, status, code] of [
        [LARGE, 413, 'RESILIENCE_BODY_TOO_LARGE'],
        ['{"text":', 400, 'RESILIENCE_BODY_MALFORMED'],
      ] as const) {
        const response = await post(url + route, body);
        const type = response.headers.get('content-type');
        expect([route, response.status, type]).toEqual([route, status, 'application/problem+json; charset=utf-8']);
        expect(await response.json()).toMatchObject({
          type: `urn:nest-resilience:problem:${code.toLowerCase().replaceAll('_', '-')}`,
          status,
          code,
          title: expect.any(String),
          detail: expect.any(String),
        });
      }
    }
  });

  const [unsupported, malformed, own] = ['RESILIENCE_BODY_UNSUPPORTED', 'RESILIENCE_BODY_MALFORMED', 'HTTP_415'];
  // Fastify reads neither charset nor encoding; Express leaves types that it has no parser for to the handler.
  it.each<[string, Record<string, string>, string | Uint8Array, Record<string, [number, string | undefined]>]>([
    [
      'charset',
      { 'content-type': 'application/json; charset=latin-9' },
      '{}',
      { Express: [415, unsupported], Fastify: [202, undefined] },
    ],
    [
      'encoding',
      { 'content-encoding': 'compress' },
      gzipSync('{}'),
      { Express: [415, unsupported], Fastify: [400, malformed] },
    ],
    [
      'media type',
      { 'content-type': 'application/xml' },
      '<xml/>',
      { Express: [415, own], Fastify: [415, unsupported] },
    ],
  ])('a body of another %s is a problem of the client', async (_, headers, body, expected) => {
    const url = await start(adapter());

    const response = await post(`${url}/workflows/w/executions`, body, headers);

    const { code } = (await response.json()) as { code?: string };
    expect([response.status, code]).toEqual(expected[framework]);
    if (code !== undefined)
      expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  });

  it('keeps to it under a prefix and with a query', async () => {
    const url = await start(adapter(), (application) => application.setGlobalPrefix('api'));

    const response = await post(`${url}/api/workflows/w/executions?wait=1s`, LARGE);

    expect(await response.json()).toMatchObject({ code: 'RESILIENCE_BODY_TOO_LARGE' });
  });

  it("leaves the application's own routes to it, and its filters", async () => {
    @Catch()
    class Teapot implements ExceptionFilter {
      catch(_error: unknown, context: ArgumentsHost): void {
        context
          .switchToHttp()
          .getResponse<{ status(code: number): { send(text: string): void } }>()
          .status(418)
          .send('tea');
      }
    }
    const url = await start(adapter(), (application) => application.useGlobalFilters(new Teapot()));

    const own = await post(`${url}/own`, LARGE);
    const ours = await post(`${url}/workflows/w/executions`, LARGE);

    expect([own.status, await own.text()]).toEqual([418, 'tea']);
    expect([ours.status, await ours.json()]).toEqual([
      413,
      expect.objectContaining({ code: 'RESILIENCE_BODY_TOO_LARGE' }),
    ]);
  });

  it("answers as Nest does where there is no filter of the application's", async () => {
    const url = await start(adapter());

    const own = await post(`${url}/own`, LARGE);

    expect(own.status).toBe(413);
    expect(own.headers.get('content-type')).toMatch('application/json');
    expect(await own.json()).toMatchObject({ statusCode: 413 });
  });

  it('goes on after a client that left in the midst of its upload', async () => {
    const url = await start(adapter());
    const client = connect(Number(new URL(url).port), '127.0.0.1');
    await once(client, 'connect');
    const head = [
      'POST /workflows/w/executions HTTP/1.1',
      'host: x',
      'content-type: application/json',
      'content-length: 99',
    ];
    client.write(`${head.join('\r\n')}\r\n\r\n{`);
    const connections = () =>
      new Promise<number>((resolve) =>
        app.getHttpServer().getConnections((_: unknown, count: number) => resolve(count)),
      );
    while ((await connections()) === 0) await new Promise((resolve) => setImmediate(resolve));

    client.destroy();
    while ((await connections()) > 0) await new Promise((resolve) => setImmediate(resolve));

    expect((await post(`${url}/workflows/w/executions`, '{}')).status).toBe(202);
  });

  it('takes a larger body when it is told to', async () => {
    const large = () => (framework === 'Fastify' ? new FastifyAdapter({ bodyLimit: 4_000_000 }) : new ExpressAdapter());
    const url = await start(large(), (application) => {
      if (framework === 'Express') (application as NestExpressApplication).useBodyParser('json', { limit: '4mb' });
    });

    const response = await post(`${url}/workflows/w/executions`, JSON.stringify({ text: 'x'.repeat(900_000) }));

    expect(response.status).toBe(202);
  });
});
