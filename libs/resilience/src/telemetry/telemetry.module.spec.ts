import 'reflect-metadata';

import { afterEach, describe, expect, it } from '@jest/globals';
import { type DynamicModule, Injectable } from '@nestjs/common';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { Test, type TestingModule } from '@nestjs/testing';

import {
  Bulkhead,
  Cache,
  CircuitBreaker,
  Coalesce,
  DeadLetter,
  Chaos,
  Fallback,
  Hedge,
  RateLimit,
  ResilienceModule,
  ResilienceOptionsError,
  ResilienceService,
  Retry,
} from '../index.js';
import { HealthModule, HealthRegistry } from '../health/index.js';
import type { ResilienceRuntime } from '../nest/resilience.runtime.js';
import { RESILIENCE_RUNTIME } from '../nest/tokens.js';
import {
  DEFAULT_TELEMETRY_MODULE_OPTIONS,
  OpenTelemetryTracer,
  TelemetryModule,
  type TelemetryModuleOptions,
} from './index.js';

@Injectable()
class Orders {
  failures = 0;

  @Retry({ maxRetries: 2, strategy: 'immediate' })
  async place(): Promise<string> {
    if (this.failures-- > 0) throw new Error('not yet');
    return Promise.resolve('placed');
  }

  @Fallback('instead')
  async price(): Promise<string> {
    return Promise.reject(new Error('down'));
  }

  @DeadLetter({ queue: 'orders' })
  @CircuitBreaker({ name: 'stock', failureThreshold: 1 })
  async reserve(): Promise<string> {
    return Promise.reject(new Error('down'));
  }

  @CircuitBreaker({ name: 'tenants', key: (tenant: string) => tenant })
  async of(_tenant: string): Promise<string> {
    return Promise.resolve('there');
  }

  @Bulkhead({ name: 'db', maxConcurrent: 2 })
  @RateLimit({ name: 'quota', limit: 2, interval: '1h' })
  async limited(): Promise<string> {
    return Promise.resolve('through');
  }

  @Hedge({ delay: '1h' })
  @Chaos({ rate: 0, latency: '1s' })
  async hedged(): Promise<string> {
    return Promise.resolve('first');
  }

  @Cache('1h')
  @Coalesce()
  async shared(_sku: string): Promise<string> {
    return Promise.resolve('found');
  }

  instead(): string {
    return 'rescued';
  }
}

describe('TelemetryModule', () => {
  const open: { close(): Promise<void> }[] = [];

  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  const start = async (options: TelemetryModuleOptions = {}, modules: DynamicModule[] = []): Promise<TestingModule> => {
    const app = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot(), TelemetryModule.forRoot(options), ...modules],
      providers: [Orders],
    }).compile();
    app.useLogger(false);
    open.push(await app.init());
    return app;
  };

  const meters = (): { meterProvider: MeterProvider; collect: () => Promise<Figures> } => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    open.push({ close: () => meterProvider.shutdown() });
    return {
      meterProvider,
      collect: async () => {
        exporter.reset();
        await meterProvider.forceFlush();
        return figuresOf(exporter);
      },
    };
  };

  /** `instrument{its attributes}` to value. */
  type Figures = Readonly<Record<string, unknown>>;
  const figuresOf = (exporter: InMemoryMetricExporter): Figures =>
    Object.fromEntries(
      exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics }) => metrics)
        .flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => [
            `${descriptor.name}{${Object.entries(attributes)
              .map(([name, of]) => `${name.replace('resilience.', '')}=${String(of)}`)
              .join(' ')}}`,
            value,
          ]),
        ),
    );

  const tracerOf = (app: TestingModule): unknown =>
    app.get<ResilienceRuntime>(RESILIENCE_RUNTIME, { strict: false }).registry.context.tracer;

  it('pins its defaults and names every bad option', () => {
    expect(DEFAULT_TELEMETRY_MODULE_OPTIONS).toEqual({ tracing: true, metrics: true });
    expect(() => TelemetryModule.forRoot({ tracing: 'yes', meterProvider: {} } as never)).toThrow(
      /2 options are not usable/,
    );
    expect(() => TelemetryModule.forRoot({ traces: true } as never)).toThrow(ResilienceOptionsError);
  });

  it('plugs its tracer into the policies of the application, and does not when tracing is off', async () => {
    const tracing = await start({ tracerProvider: new BasicTracerProvider(), metrics: false });
    const silent = await start({ tracing: false, metrics: false });

    expect(tracerOf(tracing)).toBeInstanceOf(OpenTelemetryTracer);
    expect(tracerOf(silent)).toBeUndefined();
  });

  it('reports what the engine counted, per call', async () => {
    const { meterProvider, collect } = meters();
    const app = await start({ tracing: false, meterProvider });
    const orders = app.get(Orders);
    orders.failures = 2;
    await orders.place();
    await orders.place();
    await orders.price();
    await orders.reserve().catch(() => undefined);
    await orders.reserve().catch(() => undefined);

    expect(await collect()).toMatchObject({
      'resilience.calls{policy=Orders.place outcome=successful retried=false}': 1,
      'resilience.calls{policy=Orders.place outcome=successful retried=true}': 1,
      'resilience.calls{policy=Orders.place outcome=failed retried=false}': 0,
      'resilience.attempts{policy=Orders.place}': 4,
      'resilience.fallbacks{policy=Orders.price fallback.level=1}': 1,
      'resilience.calls{policy=Orders.reserve outcome=failed retried=false}': 2,
      'resilience.attempts{policy=Orders.reserve}': 1,
      'resilience.circuit.state{circuit=stock circuit.state=open}': 1,
      'resilience.circuit.state{circuit=stock circuit.state=closed}': 0,
      'resilience.circuit.rejections{circuit=stock}': 1,
      'resilience.dead_letters{dead_letter.queue=orders}': 2,
      'resilience.retry_budget.active{policy=Orders.place}': 0,
      'resilience.retry_budget.retrying{policy=Orders.place}': 0,
      'resilience.retry_budget.limit{policy=Orders.place}': expect.any(Number),
    });
  });

  it('reports what limits refused, and what caches and running calls answered', async () => {
    const { meterProvider, collect } = meters();
    const orders = (await start({ tracing: false, meterProvider })).get(Orders);
    for (let call = 0; call < 3; call++) await orders.limited().catch(() => undefined);
    await Promise.all([orders.shared('nail'), orders.shared('nail')]);
    await orders.shared('nail');

    await orders.hedged();

    expect(await collect()).toMatchObject({
      'resilience.hedges.started{policy=Orders.hedged}': 0,
      'resilience.hedges.won{policy=Orders.hedged}': 0,
      'resilience.chaos.injected{policy=Orders.hedged chaos.kind=fault}': 0,
      'resilience.bulkhead.in_use{bulkhead=db}': 0,
      'resilience.bulkhead.queued{bulkhead=db}': 0,
      'resilience.bulkhead.limit{bulkhead=db}': 2,
      'resilience.rate_limit.available{rate_limit=quota}': expect.any(Number),
      'resilience.rate_limit.rejections{rate_limit=quota policy=Orders.limited}': 1,
      'resilience.cache.hits{policy=Orders.shared}': 1,
      'resilience.cache.misses{policy=Orders.shared}': expect.any(Number),
      'resilience.cache.stale{policy=Orders.shared}': 0,
      'resilience.coalesced{policy=Orders.shared}': 1,
    });
  });

  it('keys of circuits never become attributes', async () => {
    const { meterProvider, collect } = meters();
    const app = await start({ tracing: false, meterProvider });
    for (const tenant of ['acme', 'zenith']) await app.get(Orders).of(tenant);

    const found = await collect();

    expect(found['resilience.circuit.state{circuit=tenants circuit.state=closed}']).toBe(2);
    expect(Object.keys(found).join()).not.toContain('acme');
    expect(
      app
        .get(ResilienceService)
        .circuits()
        .map(({ name }) => name),
    ).toContain('tenants[acme]');
  });

  it('reports health where there is a registry of checks', async () => {
    const { meterProvider, collect } = meters();
    const app = await start({ tracing: false, meterProvider }, [HealthModule.forRoot({ path: false })]);
    const registry = app.get(HealthRegistry);
    registry.register('db', () => ({ status: 'degraded', reason: 'slow' }));
    await registry.run('db');

    expect(await collect()).toMatchObject({ 'resilience.health{health.check=db}': 0.5 });
  });

  it('an application that has ended is read no more', async () => {
    const { meterProvider, collect } = meters();
    const app = await start({ tracing: false, meterProvider });
    await app.get(Orders).place();
    const before = await collect();
    await app.close();
    await app.get(Orders).place();
    const after = await collect();

    const attempts = 'resilience.attempts{policy=Orders.place}';
    expect([before[attempts], after[attempts]]).toEqual([1, 1]);
  });
});
