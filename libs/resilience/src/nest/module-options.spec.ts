import { describe, expect, it } from '@jest/globals';
import { type DynamicModule, Injectable, Module, type Type } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { Test } from '@nestjs/testing';

import { AdminModule, RESILIENCE_ADMIN } from '../admin/index.js';
import { HealthModule, HealthRegistry } from '../health/index.js';
import { MetricsModule, PrometheusMetrics } from '../metrics/index.js';
import { TelemetryModule } from '../telemetry/index.js';
import { ResilienceModule } from './resilience.module.js';
import { ResilienceService } from './resilience.service.js';

const TOKEN = 'a-token-of-sixteen';

/** Makes the options of every module. */
@Injectable()
class Options {
  createResilienceOptions = () => ({ policies: { made: { retry: 1 } } });
  createAdminOptions = async () => ({ token: TOKEN });
  createHealthOptions = () => ({ chaos: false });
  createMetricsOptions = async () => ({ defaultMetrics: false });
  createTelemetryOptions = () => ({ tracing: false });
}

@Module({ providers: [Options], exports: [Options] })
class OptionsModule {}

type Ways = Readonly<Record<'useClass' | 'useExisting' | 'useFactory', (module: AnyModule) => DynamicModule>>;
interface AnyModule {
  readonly name: string;
  forRootAsync(options: object): DynamicModule;
}

const imports = [OptionsModule];
const WAYS: Ways = {
  useClass: (module) => module.forRootAsync({ useClass: Options }),
  useExisting: (module) => module.forRootAsync({ imports, useExisting: Options }),
  useFactory: (module) => {
    const method = `create${module.name.replace('Module', '')}Options` as keyof Options;
    return module.forRootAsync({ imports, inject: [Options], useFactory: (from: Options) => from[method]() });
  },
};

const start = async (...modules: (DynamicModule | Type)[]) => {
  const testing = await Test.createTestingModule({ imports: [EventEmitterModule.forRoot(), ...modules] }).compile();
  const app = testing.createNestApplication({ logger: false });
  await app.init();
  return app;
};

const MODULES = [ResilienceModule, AdminModule, HealthModule, MetricsModule, TelemetryModule] as AnyModule[];
const others = (module: AnyModule) => (module === (ResilienceModule as AnyModule) ? [] : [ResilienceModule.forRoot()]);

describe('The options of every module', () => {
  it.each(Object.keys(WAYS) as (keyof Ways)[])('may come from %s', async (way) => {
    const app = await start(...MODULES.map((module) => WAYS[way](module)));

    expect(await app.get(ResilienceService).execute('made', async () => 'made')).toBe('made');
    expect(app.get(RESILIENCE_ADMIN)).toEqual({ by: 'token', token: TOKEN });
    expect(
      app
        .get(HealthRegistry)
        .summary()
        .checks.map(({ name }) => name),
    ).not.toContain('chaos');
    expect(await app.get(PrometheusMetrics).scrape()).not.toContain('process_cpu');
    await app.close();
  });

  it.each(MODULES)('of $name come from somewhere', (module) => {
    expect(() => module.forRootAsync({})).toThrow(
      `${module.name}.forRootAsync: got undefined, expected one of useFactory, useClass, useExisting`,
    );
  });

  it.each(MODULES)('of $name are read at the start when a factory makes them', async (module) => {
    const bad = module.forRootAsync({ useFactory: () => ({ nonsense: 1 }) });

    await expect(start(...others(module), bad)).rejects.toThrow(/nonsense: got 1, expected no such option/);
  });

  it.each(MODULES)('of $name are read at once when they are written', (module) => {
    const { forRoot } = module as unknown as { forRoot: (options: object) => DynamicModule };

    expect(() => forRoot.call(module, { nonsense: 1 })).toThrow(/nonsense: got 1, expected no such option/);
  });

  it('that shape the module stand beside the factory', async () => {
    const late = MetricsModule.forRootAsync({ useFactory: () => ({ path: 'figures' }) });
    const app = await start(
      ResilienceModule.forRoot(),
      MetricsModule.forRootAsync({ path: false, useFactory: () => ({}) }),
    );

    await expect(start(ResilienceModule.forRoot(), late)).rejects.toThrow(
      "path: got 'figures', expected beside useFactory: routes and providers are made before it is asked",
    );
    await app.close();
  });

  it.each(MODULES.filter(({ name }) => name !== 'TelemetryModule'))('let $name be global or not', (module) => {
    const useFactory = () => ({});

    expect(module.forRootAsync({ useFactory }).global).toBe(true);
    expect(module.forRootAsync({ useFactory, isGlobal: false }).global).toBe(false);
  });
});
