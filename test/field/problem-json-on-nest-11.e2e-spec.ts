/**
 * The Express adapter of Nest 11.2 sends a body that is an object as `application/json`, whatever type was set, and warns of it:
 * in an outage a line for each refused call. `npm run test:matrix` asks the real one; here its rule judges every kind of answer.
 */
import 'reflect-metadata';

import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module } from '@nestjs/common';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { CircuitBreaker, RateLimit, ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { workflow, WorkflowModule } from '@nest-resilience/workflow';

interface ExpressResponse {
  getHeader(name: string): unknown;
  setHeader(name: string, value: string): void;
}

/** As `reply` of `@nestjs/platform-express` 11.2. */
class Nest11Adapter extends ExpressAdapter {
  readonly warnings: unknown[] = [];

  override reply(response: ExpressResponse, body: unknown, statusCode?: number): unknown {
    const type = response.getHeader('Content-Type');
    const isError = typeof body === 'object' && body !== null && (statusCode ?? 0) >= 400;
    if (typeof type === 'string' && !type.startsWith('application/json') && isError) {
      this.warnings.push(body);
      response.setHeader('Content-Type', 'application/json');
    }
    return super.reply(response, body, statusCode);
  }
}

@Controller()
class Stock {
  @Get('stock')
  @CircuitBreaker({ name: 'stock', recoveryTimeout: '90s' })
  ask(): string {
    return 'some';
  }

  @Get('often')
  @RateLimit({ limit: 1, interval: '1h' })
  often(): string {
    return 'once';
  }
}

@Module({
  imports: [
    ResilienceModule.forRoot(),
    AdminModule.forRoot({ token: 'a-token-for-the-test' }),
    WorkflowModule.forRoot({ http: 'open', definitions: [workflow('w').node('a', { constant: 1 }).build()] }),
  ],
  controllers: [Stock],
})
class Shop {}

let app: NestExpressApplication | NestFastifyApplication;

afterEach(() => app.close());

async function start(adapter: ExpressAdapter | FastifyAdapter): Promise<string> {
  const module = await Test.createTestingModule({ imports: [Shop] }).compile();
  app = module.createNestApplication(adapter as ExpressAdapter, { logger: false });
  await app.listen(0, '127.0.0.1');
  app.get(ResilienceService).circuit('stock').open();
  const url = await app.getUrl();
  await fetch(`${url}/often`);
  return url;
}

const AUTHORIZED = { authorization: 'Bearer a-token-for-the-test' };

/** Path, method, headers, what it is answered with. */
const REFUSALS: [string, string, Record<string, string>, number, string][] = [
  ['/stock', 'GET', {}, 503, 'RESILIENCE_CIRCUIT_OPEN'],
  ['/often', 'GET', {}, 429, 'RESILIENCE_RATE_LIMITED'],
  ['/dead-letters', 'GET', {}, 401, 'RESILIENCE_ADMIN_UNAUTHORIZED'],
  ['/resilience/circuits/nobody/open', 'POST', AUTHORIZED, 404, 'RESILIENCE_UNKNOWN_CIRCUIT'],
  ['/dead-letters/nobody', 'GET', AUTHORIZED, 404, 'RESILIENCE_DEAD_LETTER_NOT_FOUND'],
  ['/dead-letters?limit=many', 'GET', AUTHORIZED, 400, 'RESILIENCE_OPTIONS'],
  ['/workflows/nobody', 'GET', {}, 404, 'RESILIENCE_WORKFLOW_NOT_FOUND'],
];

const ADAPTERS: [string, () => ExpressAdapter | FastifyAdapter][] = [
  ["Express as Nest 11's", () => new Nest11Adapter()],
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

describe.each(ADAPTERS)('On %s', (_, adapter) => {
  it('every refusal keeps its media type, its headers and its code, and nobody is warned', async () => {
    const used = adapter();
    const url = await start(used);

    for (const [path, method, headers, status, code] of REFUSALS) {
      const response = await fetch(url + path, { method, headers });
      const seen = { path, status: response.status, type: response.headers.get('content-type') };
      expect(seen).toEqual({ path, status, type: 'application/problem+json; charset=utf-8' });
      expect(await response.json()).toMatchObject({ status, code });
      if (status === 503) expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    }

    if (used instanceof Nest11Adapter) expect(used.warnings).toEqual([]);
  });
});
