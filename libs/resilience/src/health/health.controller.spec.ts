import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Global, type INestApplication, Injectable, Module, Scope } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { FakeClock } from '../testing/fake-clock.js';
import { DeadLetterWriter } from '../dead-letter/dead-letter.writer.js';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import { FigureTable } from '../nest/figures/figure-table.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { RESILIENCE_CLOCK, RESILIENCE_EVENTS } from '../nest/tokens.js';
import {
  degraded,
  down,
  HealthCheckProbe,
  HealthModule,
  type HealthModuleOptions,
  HealthRegistry,
  ShutdownState,
  up,
} from './index.js';

let databaseAnswer: unknown;

@Injectable()
class Database {
  @HealthCheckProbe('database')
  ping(): unknown {
    return databaseAnswer;
  }

  @HealthCheckProbe(undefined, { critical: false, interval: '1m' })
  replica(): void {}
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  @HealthCheckProbe()
  never(): void {}
}

describe('HealthController', () => {
  let app: INestApplication<App>;
  const clock = new FakeClock();
  const circuits: { name: string; state: string }[] = [];

  @Global()
  @Module({
    providers: [
      { provide: RESILIENCE_CLOCK, useValue: clock },
      { provide: RESILIENCE_EVENTS, useValue: { listens: () => false, emit: () => undefined } },
      { provide: ResilienceService, useValue: { circuits: () => circuits, chaos: () => [], policies: () => [] } },
      { provide: DeadLetterStore, useValue: {} },
      { provide: DeadLetterWriter, useValue: {} },
      FigureTable,
    ],
    exports: [RESILIENCE_CLOCK, RESILIENCE_EVENTS, ResilienceService, DeadLetterStore, DeadLetterWriter, FigureTable],
  })
  class Surroundings {}

  const start = async (options?: HealthModuleOptions) => {
    const testing = await Test.createTestingModule({
      imports: [Surroundings, ScheduleModule.forRoot(), HealthModule.forRoot(options)],
      providers: [Database, PerRequest],
    }).compile();
    app = testing.createNestApplication({ logger: false });
    await app.init();
    await clock.advance(0);
  };
  const get = (path: string) => request(app.getHttpServer()).get(path);

  beforeEach(() => {
    databaseAnswer = up({ connections: 3 });
  });

  afterEach(async () => {
    circuits.length = 0;
    await app.close();
    expect(clock.pending).toBe(0);
  });

  it('finds the probes on providers and runs them in the background', async () => {
    await start({ circuits: false, eventLoop: false, chaos: false });

    const answer = await get('/health/ready').expect(200);

    expect(app.get(SchedulerRegistry).getIntervals()).toEqual([
      'resilience.health.database',
      'resilience.health.Database.replica',
    ]);
    expect(answer.headers['cache-control']).toContain('no-store');
    expect(answer.body).toMatchObject({
      status: 'ok',
      error: {},
      details: {
        database: { status: 'up', critical: true, details: { connections: 3 }, ageMs: 0, durationMs: 0, stale: false },
        'Database.replica': { status: 'up', critical: false },
      },
    });
  });

  it('is not ready while a critical check is down, and says why', async () => {
    databaseAnswer = down('no connection');
    await start({ eventLoop: false });

    const answer = await get('/health/ready').expect(503);

    expect(answer.body).toMatchObject({
      status: 'error',
      error: { database: { status: 'down', reason: 'no connection' } },
    });
    expect(answer.body.error).not.toHaveProperty('circuits');
  });

  it.each(['exclude=database', 'exclude=Database.replica,database', 'exclude=nobody&exclude=database'])(
    'is ready without a check that the probe leaves out: %s',
    async (query) => {
      databaseAnswer = down('no connection');
      await start({ eventLoop: false });

      const { body } = await get(`/health/ready?${query}&verbose`).expect(200);

      expect(body.details.database).toMatchObject({ status: 'up', found: 'down', excluded: true });
      await get('/health/ready?exclude=circuits').expect(503);
    },
  );

  it('is not ready before a critical check has run', async () => {
    databaseAnswer = new Promise(() => undefined);
    await start({ eventLoop: false });

    const answer = await get('/health/ready').expect(503);

    expect(answer.body.error).toMatchObject({ database: { status: 'down', reason: 'has not run yet' } });
  });

  it('stays ready when degraded, and says why', async () => {
    databaseAnswer = degraded('slow');
    await start({ eventLoop: false });
    app.get(HealthRegistry).register('search', () => Promise.reject(new Error('no index')), { critical: false });
    await clock.advance(0);

    const answer = await get('/health/ready').expect(200);

    expect(answer.body).toMatchObject({
      status: 'degraded',
      info: {
        database: { status: 'degraded', reason: 'slow' },
        search: { status: 'degraded', found: 'down', reason: 'no index' },
      },
      error: {},
    });
  });

  it('answers at once however slow a dependency is', async () => {
    await start({ eventLoop: false });
    databaseAnswer = new Promise(() => undefined);
    void app.get(HealthRegistry).run('database');

    const answer = await get('/health/ready').expect(200);

    expect(answer.body.details.database.status).toBe('up');
  });

  it('is alive with everything down and while it shuts down', async () => {
    databaseAnswer = down('gone');
    await start({ eventLoop: false });
    app.get(ShutdownState).begin();

    const answer = await get('/health/live').expect(200);

    expect(answer.body).toEqual({
      status: 'ok',
      info: { process: { status: 'up', uptimeSeconds: expect.any(Number) } },
      error: {},
      details: { process: { status: 'up', uptimeSeconds: expect.any(Number) } },
    });
  });

  it('is not ready from the moment it shuts down', async () => {
    await start({ eventLoop: false });
    await get('/health/ready').expect(200);

    app.get(ShutdownState).onModuleDestroy();

    const answer = await get('/health/ready').expect(503);
    expect(answer.body.error).toEqual({ process: { status: 'down', reason: 'the process is shutting down' } });
  });

  it('has started once every critical check has passed once', async () => {
    databaseAnswer = down('migrating');
    await start({ eventLoop: false });
    const before = await get('/health/startup').expect(503);
    expect(before.body.error).toEqual({ database: { status: 'down', reason: 'migrating' } });

    databaseAnswer = up();
    await app.get(HealthRegistry).run('database');
    await get('/health/startup').expect(200);
    databaseAnswer = down('gone');
    await app.get(HealthRegistry).run('database');

    await get('/health/startup').expect(200);
  });

  it('degrades for an open circuit', async () => {
    circuits.push({ name: 'Pay.charge', state: 'open' }, { name: 'Llm.ask[tenant]', state: 'open' });
    await start({ eventLoop: false });

    const answer = await get('/health/ready').expect(200);

    expect(answer.body.info.circuits).toMatchObject({
      status: 'degraded',
      reason: 'circuit open: Pay.charge, Llm.ask',
      details: { total: 2, open: ['Pay.charge', 'Llm.ask'], halfOpen: [], recovering: [] },
    });
  });

  it('goes down for an open circuit that the application called critical', async () => {
    circuits.push({ name: 'Pay.charge', state: 'forced_open' });
    await start({ eventLoop: false, circuits: { critical: ['Pay.charge'] } });

    const answer = await get('/health/ready').expect(503);

    expect(answer.body.error.circuits).toMatchObject({ reason: 'critical circuit open: Pay.charge' });
  });

  it('watches the event loop', async () => {
    await start();
    await clock.advance('6s');

    const answer = await get('/health/ready').expect(200);

    expect(answer.body.details['event-loop'].details).toEqual({ p99Ms: expect.any(Number), maxMs: expect.any(Number) });
  });

  it('answers at another path, or nowhere', async () => {
    await start({ path: 'ops/health' });
    await get('/ops/health/live').expect(200);
    await get('/health/live').expect(404);
    await app.close();

    await start({ path: false });
    await get('/health/live').expect(404);
  });
});
