import { describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { MetricsModule } from '../metrics/index.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { FakeClock, forceOpen, RecordingEvents, ResilienceTestingModule } from '../testing/index.js';
import { HealthModule, type HealthModuleOptions } from './index.js';

describe('HealthModule', () => {
  const start = async (options: HealthModuleOptions) => {
    const imports = [
      ResilienceTestingModule.forRoot(),
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

  it('keeps two applications apart', async () => {
    const one = await start({ path: 'one', eventLoop: false });
    const two = await start({ path: 'two', eventLoop: false });

    await request(one.getHttpServer()).get('/one/ready').expect(200);
    await request(one.getHttpServer()).get('/two/ready').expect(404);
    await request(two.getHttpServer()).get('/two/ready').expect(200);

    await Promise.all([one.close(), two.close()]);
  });
});
