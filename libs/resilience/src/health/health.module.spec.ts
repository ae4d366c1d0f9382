import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { MemoryDeadLetterStore } from '../dead-letter/store/memory.store.js';
import { MetricsModule } from '../metrics/index.js';
import { ResilienceLifecycle } from '../nest/resilience.lifecycle.js';
import type { ResilienceModuleOptions } from '../nest/resilience.options.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { FakeClock, forceOpen, RecordingEvents, ResilienceTestingModule } from '../testing/index.js';
import { HealthModule, type HealthModuleOptions, ShutdownState } from './index.js';

describe('HealthModule', () => {
  const start = async (options: HealthModuleOptions, resilience?: ResilienceModuleOptions) => {
    const imports = [
      ResilienceTestingModule.forRoot(resilience),
      HealthModule.forRoot(options),
      MetricsModule.forRoot({ defaultMetrics: false }),
    ];
    const testing = await Test.createTestingModule({ imports }).compile();
    const app = testing.createNestApplication<INestApplication<App>>({ logger: false });
    await app.init();
    await app.get(FakeClock).advance(0);
    return app;
  };

  it('follows the circuits and dead letters of the application, without @nestjs/schedule imported', async () => {
    const app = await start({ deadLetters: { maxWaiting: 10 }, eventLoop: false });
    const resilience = app.get(ResilienceService);
    const clock = app.get(FakeClock);
    await resilience.policy({ name: 'pay', circuitBreaker: {} }).execute(() => 'paid');
    const ready = () => request(app.getHttpServer()).get('/health/ready');
    expect((await ready().expect(200)).body).toMatchObject({
      status: 'ok',
      info: {
        circuits: { status: 'up' },
        'dead-letters': { status: 'up', details: { waiting: 0, poisoned: 0, oldestAgeMs: 0 } },
      },
    });

    forceOpen(resilience, 'pay');
    await clock.advance('6s');

    expect((await ready().expect(200)).body).toMatchObject({
      status: 'degraded',
      info: { circuits: { status: 'degraded', reason: 'circuit open: pay' } },
    });
    expect(app.get(RecordingEvents).of('resilience.health.changed')).toEqual([
      { status: 'degraded', previous: 'ok', reasons: ['circuits: circuit open: pay'], at: expect.any(Number) },
    ]);
    const { text } = await request(app.getHttpServer()).get('/metrics').expect(200);
    expect(text).toContain('resilience_health{check="circuits"} 0.5');
    expect(text).toContain('resilience_circuit_state{circuit="pay",state="forced_open"} 1');
    await app.close();
    expect(clock.pending).toBe(0);
  });

  it('says that chaos is on, until its end', async () => {
    const until = new Date(new FakeClock().epochNow() + 60_000);
    const app = await start(
      { eventLoop: false },
      { policies: { pay: { chaos: { rate: 1, result: 'broken', until } } } },
    );
    const clock = app.get(FakeClock);
    const ready = () => request(app.getHttpServer()).get('/health/ready').expect(200);
    expect((await ready()).body.info.chaos).toMatchObject({ status: 'up' });

    await app.get(ResilienceService).execute('pay', () => Promise.resolve('paid'));
    await clock.advance('6s');

    expect((await ready()).body.info.chaos).toMatchObject({
      status: 'degraded',
      reason: 'chaos is on: pay',
      details: { pay: { fault: 0, latency: 0, result: 1 } },
    });
    await clock.advance('66s');
    expect((await ready()).body.info.chaos).toMatchObject({ status: 'up' });
    await app.close();
  });

  it('is degraded, and no worse, while the store of the dead letters fails', async () => {
    const store = new MemoryDeadLetterStore();
    const app = await start({ eventLoop: false, store: true }, { deadLetter: { store } });
    const ready = () => request(app.getHttpServer()).get('/health/ready').expect(200);
    expect((await ready()).body.info.store).toMatchObject({ status: 'up', details: { durable: false } });

    store.get = () => Promise.reject(new Error('connection refused'));
    await app.get(FakeClock).advance('40s');

    expect((await ready()).body).toMatchObject({
      status: 'degraded',
      info: { store: { status: 'degraded', reason: 'memory fails: connection refused' } },
    });
    await app.close();
  });

  it('is not ready from the moment on from which nothing is retried', async () => {
    const app = await start({ eventLoop: false });

    app.get(ResilienceLifecycle, { strict: false }).onModuleDestroy();

    await request(app.getHttpServer()).get('/health/ready').expect(503);
    await app.close();
  });

  it('ends kept-alive connections while it shuts down, so that no client keeps it up', async () => {
    const app = await start({ eventLoop: false });
    await app.listen(0, '127.0.0.1');
    const { port } = new URL(await app.getUrl());
    const agent = new Agent({ keepAlive: true });
    const live = async () => {
      const [answer] = (await once(get({ host: '127.0.0.1', port, path: '/health/live', agent }), 'response')) as [
        IncomingMessage,
      ];
      answer.resume();
      await once(answer, 'end');
      return answer.headers.connection;
    };
    expect(await live()).toBe('keep-alive');

    app.get(ShutdownState).begin();

    expect(await live()).toBe('close');
    await app.close();
    agent.destroy();
  });

  it('keeps two applications apart', async () => {
    const one = await start({ path: 'one', eventLoop: false });
    const two = await start({ path: 'two', eventLoop: false });

    await request(one.getHttpServer()).get('/one/ready').expect(200);
    await request(one.getHttpServer()).get('/two/ready').expect(404);
    await request(two.getHttpServer()).get('/two/ready').expect(200);

    await Promise.all([one.close(), two.close()]);
  });
});
