import 'reflect-metadata';

import { once } from 'node:events';
import { request } from 'node:http';

import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Attempt,
  type AttemptContext,
  CircuitBreaker,
  DeadLetter,
  DeadLetterService,
  Fallback,
  ResilienceModule,
  type ResilienceModuleOptions,
  ResilienceService,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule } from '@nest-resilience/core/health';
import { MetricsModule } from '@nest-resilience/core/metrics';
import { FakeClock } from '@nest-resilience/core/testing';
import { Controller, Get, HttpException, Module, Param } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';

import { until } from '../contract/lane.js';
import { Log, RefusedError } from './seen.js';

@Controller()
class Shop {
  constructor(private readonly log: Log) {}

  @Get('flaky')
  @CircuitBreaker({ name: 'stock', failureThreshold: 1, recoveryTimeout: '90s' })
  async flaky(): Promise<never> {
    return Promise.reject(new Error('down'));
  }

  @Get('refused/:code')
  refuse(@Param('code') code: string): never {
    throw new RefusedError(code, 1_200);
  }

  @Get('slow')
  @Timeout('3s')
  slow(): Promise<never> {
    this.log.begin();
    return new Promise(() => undefined);
  }

  @Get('teapot')
  teapot(): never {
    throw new HttpException('short and stout', 418);
  }

  @Get('retried/:sku')
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  async retried(@Param('sku') sku: string): Promise<object> {
    this.log.begin();
    if (this.log.calls < 3) throw new Error('not yet');
    return Promise.resolve({ sku, calls: this.log.calls });
  }

  @Get('rescued')
  @Fallback('instead')
  async rescued(): Promise<string> {
    return Promise.reject(new Error('down'));
  }

  @Get('kept/:sku')
  @DeadLetter({ queue: 'kept' })
  async kept(@Param('sku') _sku: string): Promise<string> {
    return Promise.reject(new Error('down'));
  }

  @Get('waiting')
  @Retry(3)
  @Fallback('instead')
  waiting(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.log.begin(attempt);
    return new Promise(() => undefined);
  }

  @Get('quick')
  @Timeout('30s')
  async quick(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.log.begin(attempt);
    return Promise.resolve('answered');
  }

  instead(): string {
    this.log.fallbacks++;
    return 'rescued';
  }
}

const TOKEN = 'a-token-for-tests-only';

const running: NestFastifyApplication[] = [];

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
});

async function serve(options: ResilienceModuleOptions = {}) {
  @Module({
    imports: [
      ResilienceModule.forRoot(options),
      AdminModule.forRoot({ token: TOKEN }),
      HealthModule.forRoot(),
      MetricsModule.forRoot({ defaultMetrics: false }),
    ],
    controllers: [Shop],
    providers: [Log],
  })
  class Root {}
  const module = await Test.createTestingModule({ imports: [Root] }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  running.push(app);
  return { app, url: await app.getUrl(), log: app.get(Log) };
}

describe('Errors of the library on Fastify', () => {
  it('an open circuit answers 503 with the seconds until its next probe', async () => {
    const { url } = await serve({ clock: new FakeClock() });
    const opening = await fetch(`${url}/flaky`);

    const response = await fetch(`${url}/flaky`);

    expect(opening.status).toBe(500);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(response.headers.get('retry-after')).toBe('90');
    expect(await response.json()).toEqual({
      type: 'urn:nest-resilience:problem:resilience-circuit-open',
      title: 'Service Unavailable',
      status: 503,
      detail: expect.not.stringContaining('Shop'),
      code: 'RESILIENCE_CIRCUIT_OPEN',
    });
  });

  it('an attempt that timed out answers 504', async () => {
    const clock = new FakeClock();
    const { url, log } = await serve({ clock });

    const answer = fetch(`${url}/slow`);
    await log.entered;
    await clock.advance('3s');
    const response = await answer;

    expect(response.status).toBe(504);
    expect(response.headers.get('retry-after')).toBeNull();
    expect(await response.json()).toMatchObject({ status: 504, code: 'RESILIENCE_TIMEOUT' });
  });

  it.each([
    ['RESILIENCE_BULKHEAD_FULL', 503],
    ['RESILIENCE_RATE_LIMITED', 429],
  ])('%s answers %d and says when to come back', async (code, status) => {
    const { url } = await serve();

    const response = await fetch(`${url}/refused/${code}`);

    expect(response.status).toBe(status);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await response.json()).toMatchObject({ status, code });
  });

  it.each([
    ['refused/RESILIENCE_SOMETHING_ELSE', 500, { statusCode: 500, message: 'Internal server error' }],
    ['teapot', 418, { statusCode: 418, message: 'short and stout' }],
    ['nowhere', 404, expect.objectContaining({ statusCode: 404 })],
  ])('%s is answered as if the filter was not there', async (path, status, body) => {
    const { url } = await serve();

    const response = await fetch(`${url}/${path}`);

    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(body);
  });
});

describe('Decorators on handlers of Fastify', () => {
  it('a retry runs the handler again with its parameters', async () => {
    const { app, url } = await serve();

    const response = await fetch(`${url}/retried/nail`);

    expect(await response.json()).toEqual({ sku: 'nail', calls: 3 });
    expect(app.get(ResilienceService).metrics().methods['Shop.retried']).toMatchObject({
      total: 1,
      successful: 1,
      averageAttempts: 3,
    });
  });

  it('a fallback answers', async () => {
    const { url } = await serve();

    const response = await fetch(`${url}/rescued`);

    expect(response.status).toBe(200);
    expect(await response.text()).toBe('rescued');
  });

  it('a dead letter keeps the parameters', async () => {
    const { app, url } = await serve();

    const response = await fetch(`${url}/kept/nail`);
    const { items } = await app.get(DeadLetterService).list({ queue: 'kept' });

    expect(response.status).toBe(500);
    expect(items).toMatchObject([{ target: 'Shop.kept', args: ['nail'] }]);
  });
});

describe('A client of Fastify that goes away', () => {
  it('aborts the signal of the attempt; nothing is tried again and nothing rescued', async () => {
    const { url, log } = await serve();
    const client = request(`${url}/waiting`, { agent: false });
    client.on('error', () => undefined);
    client.end();
    await log.entered;

    client.destroy();
    await until(() => log.signal?.aborted === true);

    expect(log.signal?.reason).toMatchObject({ name: 'AbortError', code: 'RESILIENCE_CLIENT_GONE' });
    expect(log).toMatchObject({ calls: 1, fallbacks: 0 });
  });

  it('is not one that was answered, on a connection kept alive too', async () => {
    const { app, url, log } = await serve();
    const closed = once(app.getHttpServer(), 'request').then(([, response]) =>
      once(response as NodeJS.EventEmitter, 'close'),
    );

    const bodies = [await (await fetch(`${url}/quick`)).text(), await (await fetch(`${url}/quick`)).text()];
    await closed;

    expect(bodies).toEqual(['answered', 'answered']);
    expect(log.calls).toBe(2);
    expect(log.signal?.aborted).toBe(false);
  });
});

describe("The package's own routes on Fastify", () => {
  it.each([
    ['metrics', 'text/plain; version=0.0.4; charset=utf-8', 'resilience_calls_total{method="Shop.quick"'],
    ['resilience/metrics', 'application/json; charset=utf-8', '"Shop.quick":{"total":1,"successful":1'],
    ['resilience/policies', 'application/json; charset=utf-8', '"name":"Shop.quick"'],
    ['health/live', 'application/json; charset=utf-8', '"status":"ok"'],
    ['dead-letters', 'application/json; charset=utf-8', '"items":[]'],
  ])('%s', async (path, type, expected) => {
    const { url } = await serve();
    await fetch(`${url}/quick`);

    const response = await fetch(`${url}/${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(await response.text()).toContain(expected);
  });

  it('a refusal is problem+json', async () => {
    const { url } = await serve();

    const response = await fetch(`${url}/dead-letters`);

    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(await response.json()).toMatchObject({ code: 'RESILIENCE_ADMIN_UNAUTHORIZED' });
  });

  it('events can be followed', async () => {
    const { url } = await serve();
    await fetch(`${url}/rescued`);

    const headers = { authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`${url}/resilience/events?follow=true&type=resilience.fallback`, { headers });
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes('event: ')) text += Buffer.from((await reader?.read())?.value ?? []).toString();
    await reader?.cancel();

    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(text).toContain('event: resilience.fallback.used');
  });
});
