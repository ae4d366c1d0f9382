import type { Server } from 'node:http';
import { type INestApplication, Injectable } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CircuitBreaker,
  DeadLetterStore,
  MemoryDeadLetterStore,
  ResilienceModule,
  ResilienceService,
} from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule } from '@nest-resilience/core/health';
import { MetricsModule } from '@nest-resilience/core/metrics';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import request from 'supertest';

@Injectable()
class Regions {
  @CircuitBreaker({ name: 'region', key: (region: string) => region, failureThreshold: 2 })
  async ask(_region: string, fails = false): Promise<void> {
    await Promise.resolve();
    if (fails) throw new Error('away');
  }

  @CircuitBreaker({ name: 'desk' })
  async file(): Promise<void> {
    await Promise.resolve();
  }

  @CircuitBreaker({ name: 'tenant', key: (tenant: string) => tenant, failureThreshold: 2 })
  async serve(_tenant: string, fails: boolean): Promise<void> {
    await Promise.resolve();
    if (fails) throw new Error('away');
  }
}

let app: INestApplication<Server>;
let regions: Regions;

async function start(adapter?: FastifyAdapter): Promise<void> {
  const store = new MemoryDeadLetterStore();
  for (let n = 0; n < 300; n++) await store.add(deadLetterRecord({ queue: `imported-${n}` }));
  const imports = [
    ResilienceModule.forRoot({ deadLetter: { store } }),
    ...[
      AdminModule.forRoot(),
      HealthModule.forRoot({ eventLoop: false }),
      MetricsModule.forRoot({ defaultMetrics: false }),
    ],
  ];
  const testing = await Test.createTestingModule({ imports, providers: [Regions] }).compile();
  app = adapter ? testing.createNestApplication(adapter, { logger: false }) : testing.createNestApplication({ logger: false }); // prettier-ignore
  await app.init();
  await (app.getHttpAdapter().getInstance() as { ready?: () => Promise<void> }).ready?.();
  regions = app.get(Regions);
  expect(app.get<unknown>(DeadLetterStore)).toBeDefined();
}

afterEach(() => app.close());

const get = (path: string) => request(app.getHttpServer()).get(path).expect(200);

/** As many regions as somebody likes to send, of which the last ones are down. */
async function flood(closed: number, open: number): Promise<void> {
  for (let n = 0; n < closed + open; n++) {
    for (let calls = 0; calls < 2; calls++) await regions.ask(`r${n}`, n >= closed).catch(() => undefined);
  }
}

describe('what anybody may read', () => {
  it.each([
    ['Express', undefined],
    ['Fastify', () => new FastifyAdapter()],
  ])('does not grow with the keys of callers, on %s', async (_, adapter) => {
    await start(adapter?.());
    await regions.file();
    await regions.serve('t', true).catch(() => undefined);
    await regions.serve('t', true).catch(() => undefined);
    const paths = ['/resilience/circuits', '/resilience/metrics', '/resilience/policies', '/metrics', '/health/ready'];
    await flood(60, 10);
    const before = await Promise.all(paths.map(async (path) => (await get(path)).text.length));

    await flood(5_000, 80);

    const after = await Promise.all(paths.map(async (path) => (await get(path)).text.length));
    for (const [index, length] of after.entries()) expect(length).toBeLessThan((before[index] ?? 0) * 1.5 + 1_000);
  });

  it('shows the worst circuits first, all without a key, and how many there are', async () => {
    await start();
    await regions.file();
    await flood(3_000, 10);
    await get('/resilience/circuits');
    await regions.ask('r0', true).catch(() => undefined);
    app.get(ResilienceService).circuit('region[r7]').open();

    const { body, headers } = await get('/resilience/circuits');
    const metrics = await get('/resilience/metrics');

    const states = (body as { name: string; state: string }[]).map(({ state }) => state);
    expect(states.slice(0, 11)).toEqual(['forced_open', ...Array<string>(10).fill('open')]);
    expect(body[0]).toMatchObject({ name: 'region[#8]' });
    expect(body[11]).toMatchObject({ name: 'region[#1]', failures: 1 });
    expect(body).toContainEqual(expect.objectContaining({ name: 'desk', state: 'closed' }));
    expect(body).toHaveLength(51);
    expect(headers['x-total-count']).toBe('3011');
    expect(metrics.body).toMatchObject({ circuitsTotal: 3_011, circuits: { desk: {}, 'region[#8]': {} } });
  });

  it('calls a circuit by the same number whatever is called meanwhile, for the switches too', async () => {
    await start();
    await flood(3, 0);
    const before = (await get('/resilience/circuits')).body as { name: string }[];
    expect(before.map(({ name }) => name)).toEqual(['region[#1]', 'region[#2]', 'region[#3]', 'desk']);

    await regions.ask('r1');
    await regions.ask('r0');
    app.get(ResilienceService).circuit('region[r1]').open();

    const { body } = await get('/resilience/circuits');
    expect(body[0]).toMatchObject({ name: 'region[#2]', state: 'forced_open' });
  });

  it('does not grow with the queues of an import', async () => {
    await start();

    const { body } = await get('/resilience/metrics');

    expect(Object.keys(body.deadLetters.byQueue as object)).toHaveLength(100);
    expect(body.deadLetters.size).toBe(300);
  });
});
