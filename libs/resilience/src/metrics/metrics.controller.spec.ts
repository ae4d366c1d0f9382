import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Global, type INestApplication, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Registry } from 'prom-client';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { CircuitBook } from '../circuit-breaker/circuit-book.js';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import { CallStats } from '../engine/call-stats.js';
import { createPolicyContext } from '../engine/policy-context.js';
import { FigureTable } from '../nest/figures/figure-table.js';
import { figureTable } from '../nest/figures/figure-table.provider.js';
import { healthFigure } from '../health/health.figure.js';
import { summarize } from '../health/health.report.js';
import { RESILIENCE_CLOCK, RESILIENCE_RUNTIME } from '../nest/tokens.js';
import { PolicyRegistry } from '../policy/policy-registry.js';
import { FakeClock } from '../testing/fake-clock.js';
import { DEFAULT_METRICS_MODULE_OPTIONS, MetricsModule, type MetricsModuleOptions } from './index.js';

describe('MetricsController', () => {
  let app: INestApplication<App>;
  let clock: FakeClock;
  let stats: CallStats;
  let count: () => Promise<unknown>;

  beforeEach(() => {
    clock = new FakeClock();
    stats = new CallStats();
    count = async () => [
      { queue: 'orders', status: 'pending', count: 4, oldestAt: 0 },
      { queue: 'orders', status: 'poisoned', count: 1, oldestAt: 0 },
    ];
  });

  afterEach(async () => {
    await app.close();
    expect(clock.pending).toBe(0);
  });

  const start = async (options?: MetricsModuleOptions) => {
    const named = <T extends { readonly name: string }>(...all: T[]) => new Map(all.map((one) => [one.name, one]));
    const circuits = [
      { name: 'Orders.charge', state: 'half_open', snapshot: () => ({ notPermitted: 7 }) },
      { name: 'Llm.ask[tenant-1]', state: 'open', snapshot: () => ({ notPermitted: 2 }) },
      { name: 'Llm.ask[tenant-2]', state: 'open', snapshot: () => ({ notPermitted: 3 }) },
    ];
    const states = {
      circuitBreaker: Object.assign(new CircuitBook(), { all: () => circuits }),
      retry: named({ name: 'Orders.charge', active: 20, retrying: 3, limit: 4 }),
      bulkhead: named({
        name: 'db',
        snapshot: () => ({
          inUse: 3,
          queued: 2,
          maxConcurrent: 25,
          rejected: { 'Orders.charge': 8, 'Orders.find': 1 },
        }),
      }),
      rateLimit: named(
        { name: 'openai', snapshot: () => ({ available: -1.5, rejected: { 'Llm.ask': 5 } }) },
        { name: 'per-tenant', snapshot: () => ({ available: undefined, rejected: {} }) },
      ),
      cache: named({ name: 'Catalog.find', hits: 9, misses: 4, stale: 1 }),
      coalesce: named({ name: 'Catalog.find', joined: 6 }),
      hedge: named({ name: 'Catalog.find', started: 12, won: 11 }),
      chaos: named({ name: 'Orders.charge', fault: 0, latency: 13, result: 0 }),
    };
    const context = createPolicyContext({ clock });
    const registry = new PolicyRegistry({ context, deadLetters: () => ({ store: async () => undefined }) });
    registry.stats.set('Orders.charge', stats);
    Object.assign(registry.states, states);
    const db = { name: 'db', status: 'degraded', critical: true, stale: false, passedOnce: true } as const;
    const health = { summary: () => summarize([db]) };
    const surroundings = [
      { provide: RESILIENCE_CLOCK, useValue: clock },
      { provide: RESILIENCE_RUNTIME, useValue: { registry } },
      { provide: DeadLetterStore, useValue: { count: () => count() } },
      figureTable,
    ];
    @Global()
    @Module({ providers: surroundings, exports: surroundings })
    class Surroundings {}
    const testing = await Test.createTestingModule({
      imports: [Surroundings, MetricsModule.forRoot(options)],
    }).compile();
    testing.get(FigureTable).add(healthFigure(health));
    app = testing.createNestApplication({ logger: false });
    await app.init();
  };
  const scrape = (path = '/metrics') => request(app.getHttpServer()).get(path);

  it('answers with the engine counters in the text format of Prometheus', async () => {
    await start();
    stats.finish(true, 1, 4);
    stats.finish(true, 3, 1_500);
    stats.finish(false, 3, 70_000);
    stats.rejected = 2;
    stats.timeouts = 5;
    stats.deadLettered = 1;
    stats.fellBack(2);

    const { text, headers } = await scrape().expect(200);

    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    for (const line of [
      '# TYPE resilience_calls_total counter',
      'resilience_calls_total{method="Orders.charge",outcome="successful",retry="without"} 1',
      'resilience_calls_total{method="Orders.charge",outcome="successful",retry="with"} 1',
      'resilience_calls_total{method="Orders.charge",outcome="failed",retry="without"} 0',
      'resilience_calls_total{method="Orders.charge",outcome="failed",retry="with"} 1',
      'resilience_attempts_total{method="Orders.charge"} 7',
      'resilience_timeouts_total{method="Orders.charge"} 5',
      'resilience_fallbacks_total{method="Orders.charge",level="1"} 0',
      'resilience_fallbacks_total{method="Orders.charge",level="2"} 1',
      'resilience_dead_lettered_total{method="Orders.charge"} 1',
      '# TYPE resilience_call_duration_seconds histogram',
      'resilience_call_duration_seconds_bucket{le="0.0025",method="Orders.charge"} 0',
      'resilience_call_duration_seconds_bucket{le="0.01",method="Orders.charge"} 1',
      'resilience_call_duration_seconds_bucket{le="2.5",method="Orders.charge"} 2',
      'resilience_call_duration_seconds_bucket{le="120",method="Orders.charge"} 3',
      'resilience_call_duration_seconds_bucket{le="+Inf",method="Orders.charge"} 3',
      'resilience_call_duration_seconds_sum{method="Orders.charge"} 71.504',
      'resilience_call_duration_seconds_count{method="Orders.charge"} 3',
      'resilience_circuit_state{circuit="Orders.charge",state="closed"} 0',
      'resilience_circuit_state{circuit="Orders.charge",state="half_open"} 1',
      'resilience_circuit_rejected_total{circuit="Orders.charge"} 7',
      'resilience_circuit_state{circuit="Llm.ask",state="open"} 2',
      'resilience_circuit_rejected_total{circuit="Llm.ask"} 5',
      'resilience_retry_budget_active{policy="Orders.charge"} 20',
      'resilience_retry_budget_retrying{policy="Orders.charge"} 3',
      'resilience_retry_budget_limit{policy="Orders.charge"} 4',
      'resilience_bulkhead_in_use{bulkhead="db"} 3',
      'resilience_bulkhead_queued{bulkhead="db"} 2',
      'resilience_bulkhead_limit{bulkhead="db"} 25',
      'resilience_bulkhead_rejected_total{bulkhead="db",policy="Orders.charge"} 8',
      'resilience_bulkhead_rejected_total{bulkhead="db",policy="Orders.find"} 1',
      'resilience_rate_limit_available{rate_limit="openai"} -1.5',
      'resilience_rate_limit_rejected_total{rate_limit="openai",policy="Llm.ask"} 5',
      'resilience_cache_hits_total{policy="Catalog.find"} 9',
      'resilience_cache_misses_total{policy="Catalog.find"} 4',
      'resilience_cache_stale_total{policy="Catalog.find"} 1',
      'resilience_coalesced_total{policy="Catalog.find"} 6',
      'resilience_hedges_started_total{policy="Catalog.find"} 12',
      'resilience_hedges_won_total{policy="Catalog.find"} 11',
      'resilience_chaos_injected_total{policy="Orders.charge",kind="latency"} 13',
      'resilience_chaos_injected_total{policy="Orders.charge",kind="fault"} 0',
      'resilience_dead_letters{queue="orders",status="pending"} 4',
      'resilience_dead_letters{queue="orders",status="poisoned"} 1',
      'resilience_health{check="db"} 0.5',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).not.toContain('tenant');
    expect(text).toContain('process_cpu_user_seconds_total');
  });

  it('reads anew at each scrape', async () => {
    await start({ defaultMetrics: false });
    await scrape().expect(/resilience_attempts_total\{method="Orders.charge"\} 0/);

    stats.finish(true, 2, 10);

    const { text } = await scrape().expect(/resilience_attempts_total\{method="Orders.charge"\} 2/);
    expect(text).not.toContain('process_cpu');
  });

  it('answers in the format of OpenMetrics', async () => {
    await start({ openMetrics: true, defaultMetrics: false });

    for (let i = 0; i < 2; i++) {
      const { text, headers } = await scrape().expect(200);

      expect(headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
      expect(text).toContain('# TYPE resilience_calls counter');
      expect(text).toContain('resilience_calls_total{method="Orders.charge",outcome="successful",retry="without"} 0');
      expect(text.endsWith('# EOF\n')).toBe(true);
    }
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('disk'))],
    ['never answers', () => new Promise(() => undefined)],
  ])('leaves a gap when the dead letter store %s', async (_, broken) => {
    await start({ defaultMetrics: false });
    const asked = new Promise<void>((resolve) => {
      count = () => {
        resolve();
        return broken();
      };
    });

    const answer = scrape().then((response) => response.text);
    await asked;
    await clock.advance(1000);
    const text = await answer;

    expect(text).not.toContain('resilience_dead_letters{');
    expect(text).toContain('resilience_calls_total{');
    count = async () => [];
    expect((await scrape()).text).toContain('resilience_dead_letters_unreadable_total 1');
  });

  it('registers into a registry of the application', async () => {
    const registry = new Registry();
    await start({ registry, path: false });

    await scrape().expect(404);

    expect(await registry.metrics()).toContain('resilience_calls_total{');
    expect(registry.getSingleMetric('process_cpu_user_seconds_total')).toBeUndefined();
    registry.resetMetrics();
  });

  it('answers at another path', async () => {
    await start({ path: 'ops/metrics', defaultMetrics: false });

    await scrape('/ops/metrics').expect(200);
  });

  it('pins its defaults and reports all bad options', async () => {
    await start({ path: false, defaultMetrics: false });

    expect(DEFAULT_METRICS_MODULE_OPTIONS).toEqual({
      path: 'metrics',
      defaultMetrics: true,
      openMetrics: false,
      isGlobal: true,
    });
    expect(() => MetricsModule.forRoot({ path: '', openMetrics: 'yes' } as never)).toThrow(/2 options are not usable/);
  });
});
