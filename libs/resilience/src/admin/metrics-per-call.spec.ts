import 'reflect-metadata';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type INestApplication, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import {
  Cache,
  CircuitBreaker,
  Coalesce,
  Fallback,
  ResilienceModule,
  ResilienceService,
  Retry,
  Timeout,
} from '../index.js';
import { FakeClock } from '../testing/fake-clock.js';
import { AdminModule } from './index.js';

const IMMEDIATE = { maxRetries: 2, strategy: 'immediate', budget: false } as const;

@Injectable()
class Orders {
  /** Attempts that fail from here on. */
  failures = 0;
  entered = 0;

  @Retry(IMMEDIATE)
  async retried(): Promise<string> {
    return this.attempt();
  }

  @Retry(IMMEDIATE)
  @Fallback(['first', 'second'])
  async rescued(): Promise<string> {
    return this.attempt();
  }

  @Retry(IMMEDIATE)
  @CircuitBreaker({ name: 'stock' })
  async refused(): Promise<string> {
    return this.attempt();
  }

  @CircuitBreaker({ name: 'prices' })
  @Fallback('second')
  async refusedAndRescued(): Promise<string> {
    return this.attempt();
  }

  @Retry(IMMEDIATE)
  @Timeout('1s')
  async timedOut(): Promise<string> {
    this.entered++;
    return new Promise(() => undefined);
  }

  @Coalesce()
  @Retry(IMMEDIATE)
  async joined(_sku: string): Promise<string> {
    return this.attempt();
  }

  @Cache('1h')
  async cached(_sku: string): Promise<string> {
    return this.attempt();
  }

  @Retry(IMMEDIATE)
  synchronous(): string {
    this.entered++;
    if (this.failures-- > 0) throw new Error('down');
    return 'done';
  }

  first(): string {
    throw new Error('the first fallback is down too');
  }

  second(): string {
    return 'rescued';
  }

  private async attempt(): Promise<string> {
    await Promise.resolve();
    this.entered++;
    if (this.failures-- > 0) throw new Error('down');
    return 'done';
  }
}

describe('GET /resilience/metrics counts calls, never attempts', () => {
  const clock = new FakeClock();
  let app: INestApplication<App>;
  let orders: Orders;

  beforeEach(async () => {
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot({ clock }), AdminModule.forRoot()],
      providers: [Orders],
    }).compile();
    app = module.createNestApplication({ logger: false });
    await app.init();
    orders = app.get(Orders);
  });

  afterEach(async () => {
    await app.close();
  });

  const counted = async (method: keyof Orders): Promise<unknown> => {
    const { body } = await request(app.getHttpServer()).get('/resilience/metrics').expect(200);
    return (body as { methods: Record<string, unknown> }).methods[`Orders.${method}`];
  };

  it('a call that needed three attempts is one successful call', async () => {
    orders.failures = 2;

    await orders.retried();
    await orders.retried();

    expect(await counted('retried')).toMatchObject({
      total: 2,
      successful: 2,
      failed: 0,
      successRate: 1,
      retryRate: 0.5,
      averageAttempts: 2,
    });
  });

  it('a call whose three attempts failed is one failed call', async () => {
    orders.failures = 3;

    await orders.retried().catch(() => undefined);

    expect(await counted('retried')).toMatchObject({
      total: 1,
      successful: 0,
      failed: 1,
      successRate: 0,
      averageAttempts: 3,
    });
  });

  it('a call that the second fallback rescued after three attempts is one successful call with one fallback', async () => {
    orders.failures = 3;

    await orders.rescued();

    expect(await counted('rescued')).toMatchObject({
      total: 1,
      successful: 1,
      failed: 0,
      fallbacks: 1,
      retryRate: 1,
      averageAttempts: 3,
    });
  });

  it('a call that a circuit refused is one failed call without an attempt', async () => {
    await orders.refused();
    app.get(ResilienceService).circuit('stock').open();

    await orders.refused().catch(() => undefined);

    expect(orders.entered).toBe(1);
    expect(await counted('refused')).toMatchObject({ total: 2, successful: 1, failed: 1, averageAttempts: 0.5 });
  });

  it('one that was refused and rescued is a successful call without an attempt', async () => {
    await orders.refusedAndRescued();
    app.get(ResilienceService).circuit('prices').open();

    await orders.refusedAndRescued();

    expect(await counted('refusedAndRescued')).toMatchObject({
      total: 2,
      successful: 2,
      fallbacks: 1,
      averageAttempts: 0.5,
    });
  });

  it('a call whose attempts timed out is one failed call', async () => {
    const call = orders.timedOut().catch(() => undefined);
    await clock.advance('3s');
    await call;

    expect(orders.entered).toBe(3);
    expect(await counted('timedOut')).toMatchObject({
      total: 1,
      failed: 1,
      averageAttempts: 3,
      p50: expect.closeTo(3_000, -3),
    });
  });

  it('three calls that shared one run of two attempts are three successful calls', async () => {
    orders.failures = 1;

    await Promise.all(['nail', 'nail', 'nail'].map((sku) => orders.joined(sku)));

    expect(orders.entered).toBe(2);
    expect(await counted('joined')).toMatchObject({ total: 3, successful: 3, failed: 0 });
  });

  it('a call that the cache answered is a successful call without an attempt', async () => {
    await orders.cached('nail');
    await orders.cached('nail');

    expect(orders.entered).toBe(1);
    expect(await counted('cached')).toMatchObject({ total: 2, successful: 2, averageAttempts: 0.5 });
  });

  it('a synchronous call with two attempts is one call', async () => {
    orders.failures = 1;

    orders.synchronous();

    expect(await counted('synchronous')).toMatchObject({ total: 1, successful: 1, retryRate: 1, averageAttempts: 2 });
  });
});
