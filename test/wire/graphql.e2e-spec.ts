import 'reflect-metadata';

import { request } from 'node:http';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
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
import { FakeClock } from '@nest-resilience/core/testing';
import { Module } from '@nestjs/common';
import { Args, GraphQLModule, Mutation, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';

import { until } from '../contract/lane.js';
import { Log, RefusedError } from './seen.js';

// Serves files for GraphiQL, which is off here, and requires an ES module, which jest on Node 20 cannot.
jest.mock('@fastify/static', () => async () => undefined);
const { MercuriusDriver } = await import('@nestjs/mercurius');

const SCHEMA = /* GraphQL */ `
  type Item {
    sku: String
    price: Int
  }
  type Query {
    flaky: String
    refuse(code: String!): String
    slow: String
    plain: String
    retried(sku: String!): String
    rescued: String
    item(sku: String!): Item
    items(count: Int!): [Item]
    waiting: String
  }
  type Mutation {
    order(sku: String!): String
  }
`;

@Resolver('Item')
class Shop {
  constructor(private readonly log: Log) {}

  @Query()
  @CircuitBreaker({ name: 'stock', failureThreshold: 1, recoveryTimeout: '90s' })
  async flaky(): Promise<never> {
    return Promise.reject(new Error('down'));
  }

  @Query()
  refuse(@Args('code') code: string): never {
    throw new RefusedError(code, 1_200);
  }

  @Query()
  @Timeout('3s')
  slow(): Promise<never> {
    this.log.begin();
    return new Promise(() => undefined);
  }

  @Query()
  plain(): never {
    throw new Error('not ours');
  }

  @Query()
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  async retried(@Args('sku') sku: string): Promise<string> {
    if (this.log.begin() < 3) throw new Error('not yet');
    return Promise.resolve(`${sku} at attempt ${this.log.calls}`);
  }

  @Query()
  @Fallback('instead')
  async rescued(): Promise<string> {
    return Promise.reject(new Error('down'));
  }

  @Query()
  item(@Args('sku') sku: string): object {
    return { sku };
  }

  @Query()
  items(@Args('count') count: number): object[] {
    return Array.from({ length: count }, (_, index) => ({ sku: `sku-${index}` }));
  }

  @ResolveField()
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  async price(): Promise<number> {
    if (this.log.begin() < 3) throw new Error('not yet');
    return Promise.resolve(7);
  }

  @Query()
  @Retry(3)
  @Fallback('instead')
  waiting(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.log.begin(attempt);
    return new Promise(() => undefined);
  }

  @Mutation()
  @DeadLetter({ queue: 'orders' })
  async order(@Args('sku') _sku: string): Promise<string> {
    return Promise.reject(new Error('down'));
  }

  instead(): string {
    this.log.fallbacks++;
    return 'rescued';
  }
}

const running: NestFastifyApplication[] = [];

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
});

interface Answer {
  readonly data: Record<string, unknown> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: object }[];
}

async function serve(options: ResilienceModuleOptions = {}, driver: Partial<MercuriusDriverConfig> = {}) {
  @Module({
    imports: [
      ResilienceModule.forRoot(options),
      GraphQLModule.forRoot<MercuriusDriverConfig>({ driver: MercuriusDriver, typeDefs: SCHEMA, ...driver }),
    ],
    providers: [Shop, Log],
  })
  class Root {}
  const module = await Test.createTestingModule({ imports: [Root] }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  running.push(app);
  const url = `${await app.getUrl()}/graphql`;
  const ask = async (query: string): Promise<Answer> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
    return (await response.json()) as Answer;
  };
  return { app, url, ask, log: app.get(Log) };
}

describe('Errors of the library over GraphQL', () => {
  it('an open circuit is an error with its code and the time until the next probe', async () => {
    const { ask } = await serve({ clock: new FakeClock() });
    await ask('{ flaky }');

    const { data, errors } = await ask('{ flaky }');

    expect(data).toEqual({ flaky: null });
    expect(errors).toMatchObject([
      {
        message: expect.stringContaining("'stock'"),
        path: ['flaky'],
        extensions: { code: 'RESILIENCE_CIRCUIT_OPEN', retryAfterMs: 90_000 },
      },
    ]);
  });

  it('a timeout has nothing to wait for', async () => {
    const clock = new FakeClock();
    const { ask, log } = await serve({ clock });

    const answer = ask('{ slow }');
    await log.entered;
    await clock.advance('3s');

    expect((await answer).errors?.[0]?.extensions).toEqual({ code: 'RESILIENCE_TIMEOUT' });
  });

  it.each(['RESILIENCE_BULKHEAD_FULL', 'RESILIENCE_RATE_LIMITED'])('%s says when to come back', async (code) => {
    const { ask } = await serve();

    const { errors } = await ask(`{ refuse(code: "${code}") }`);

    expect(errors?.[0]?.extensions).toEqual({ code, retryAfterMs: 1_200 });
  });

  it('other errors, and other fields of the same query, are as before', async () => {
    const { ask } = await serve();

    const { data, errors } = await ask('{ plain rescued }');

    expect(data).toEqual({ plain: null, rescued: 'rescued' });
    expect(errors).toMatchObject([{ message: 'not ours' }]);
    expect(errors?.[0]?.extensions).toBeUndefined();
  });
});

describe('Decorators on resolvers', () => {
  it('a retry runs a query again with its arguments, as one call', async () => {
    const { app, ask } = await serve();

    const { data } = await ask('{ retried(sku: "nail") }');

    expect(data).toEqual({ retried: 'nail at attempt 3' });
    expect(app.get(ResilienceService).metrics().methods['Shop.retried']).toMatchObject({
      total: 1,
      averageAttempts: 3,
    });
  });

  it.each<[string, Partial<MercuriusDriverConfig>]>([
    ['as they are', {}],
    ['with interceptors on fields', { fieldResolverEnhancers: ['interceptors'] }],
  ])('a field is retried once and not twice over, %s', async (_, driver) => {
    const { app, ask } = await serve({}, driver);

    const { data } = await ask('{ item(sku: "nail") { sku price } }');

    expect(data).toEqual({ item: { sku: 'nail', price: 7 } });
    expect(app.get(ResilienceService).metrics().methods['Shop.price']).toMatchObject({ total: 1, averageAttempts: 3 });
  });

  it('a dead letter keeps the arguments of a mutation', async () => {
    const { app, ask } = await serve();

    const { errors } = await ask('mutation { order(sku: "nail") }');
    const { items } = await app.get(DeadLetterService).list({ queue: 'orders' });

    expect(errors).toMatchObject([{ message: 'down' }]);
    expect(items).toMatchObject([{ target: 'Shop.order', args: ['nail'] }]);
  });

  it('many protected fields of one answer share one listener on its connection', async () => {
    const { ask, log } = await serve({}, { fieldResolverEnhancers: ['interceptors'] });
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    log.calls = 3;

    const { data } = await ask('{ items(count: 50) { price } }');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);

    expect(data?.['items']).toHaveLength(50);
    expect(warnings).toEqual([]);
  });
});

describe('A client of GraphQL that goes away', () => {
  it('aborts the signal of the attempt; nothing is tried again and nothing rescued', async () => {
    const { url, log } = await serve();
    const client = request(url, { method: 'POST', agent: false, headers: { 'content-type': 'application/json' } });
    client.on('error', () => undefined);
    client.end(JSON.stringify({ query: '{ waiting }' }));
    await log.entered;

    client.destroy();
    await until(() => log.signal?.aborted === true);

    expect(log.signal?.reason).toMatchObject({ name: 'AbortError', code: 'RESILIENCE_CLIENT_GONE' });
    expect(log).toMatchObject({ calls: 1, fallbacks: 0 });
  });
});
