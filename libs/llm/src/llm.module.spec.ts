import { describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { Injectable, Module } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { LLM_CONNECTIVITY_JOB } from './health/connectivity.checker.js';
import { LlmModule, type LlmModuleAsyncOptions } from './llm.module.js';
import type { LlmModuleOptions } from './llm.options.js';
import { LlmService } from './llm.service.js';
import { providersFromEnv } from './providers-from-env.js';

const build = (module: ReturnType<typeof LlmModule.forRoot>) =>
  Test.createTestingModule({ imports: [ResilienceModule.forRoot(), ScheduleModule.forRoot(), module] }).compile();

@Injectable()
class Options {
  createLlmOptions = async (): Promise<LlmModuleOptions> => ({
    providers: [{ name: 'made', kind: 'offline', model: 'extractive' }],
  });
}

@Module({ providers: [Options], exports: [Options] })
class OptionsModule {}

describe('LlmModule', () => {
  it('works without any configuration', async () => {
    const app = await build(LlmModule.forRoot({ providers: providersFromEnv({}) }));
    await app.init();

    const result = await app.get(LlmService).complete({ prompt: 'Summarise: The cat sat on the mat.' });

    expect(result).toMatchObject({ text: 'The cat sat on the mat.', provider: 'offline', degraded: true });
    await app.close();
  });

  it('takes its options from a factory', async () => {
    const config = { provide: 'CONFIG', useValue: { model: 'extractive' } };
    class ConfigModule {}
    const app = await build(
      LlmModule.forRootAsync({
        imports: [{ module: ConfigModule, providers: [config], exports: ['CONFIG'] }],
        inject: ['CONFIG'],
        useFactory: async ({ model }: { model: string }) => ({
          providers: [{ name: 'offline', kind: 'offline', model }],
        }),
      }),
    );

    expect(app.get(LlmService).targets()).toEqual([
      {
        provider: 'offline',
        kind: 'offline',
        model: 'extractive',
        priority: Infinity,
        circuit: 'llm:offline:extractive',
      },
    ]);
    await app.close();
  });

  it.each<[string, LlmModuleAsyncOptions]>([
    ['useClass', { useClass: Options }],
    ['useExisting', { imports: [OptionsModule], useExisting: Options }],
    [
      'useFactory',
      { imports: [OptionsModule], inject: [Options], useFactory: (from: Options) => from.createLlmOptions() },
    ],
  ])('takes its options from %s', async (_way, options) => {
    const app = await build(LlmModule.forRootAsync(options));

    expect(app.get(LlmService).targets()).toMatchObject([{ provider: 'made' }]);
    await app.close();
  });

  it('is global unless it is told otherwise', () => {
    const useFactory = () => ({ providers: providersFromEnv({}) });

    expect(LlmModule.forRootAsync({ useFactory }).global).toBe(true);
    expect(LlmModule.forRootAsync({ useFactory, isGlobal: false }).global).toBe(false);
    expect(LlmModule.forRoot({ ...useFactory(), isGlobal: false }).global).toBe(false);
  });

  it('reads its options at once when they are written, at the start when a factory makes them', async () => {
    const nonsense = { providers: providersFromEnv({}), nonsense: 1 };
    const refused = /nonsense: got 1, expected no such option/;

    expect(() => LlmModule.forRoot(nonsense)).toThrow(refused);
    await expect(build(LlmModule.forRootAsync({ useFactory: () => nonsense }))).rejects.toThrow(refused);
    await expect(build(LlmModule.forRootAsync({ useFactory: () => undefined as never }))).rejects.toThrow(/providers/);
  });

  it('refuses to be without options, and what shapes it from a factory', async () => {
    const late = { providers: providersFromEnv({}), isGlobal: false };

    expect(() => LlmModule.forRootAsync({})).toThrow(
      'LlmModule.forRootAsync: got undefined, expected one of useFactory, useClass, useExisting',
    );
    await expect(build(LlmModule.forRootAsync({ useFactory: () => late }))).rejects.toThrow(
      'isGlobal: got false, expected beside useFactory',
    );
  });

  it('takes options beside the factory as well', async () => {
    const app = await build(LlmModule.forRootAsync({ useClass: Options, heals: 7 } as LlmModuleAsyncOptions));

    expect(app.get(LlmService).options.heals).toBe(7);
    await app.close();
  });

  it('lists its checks in the scheduler and takes them away with the application', async () => {
    const app = await build(LlmModule.forRoot({ providers: providersFromEnv({}) }));
    await app.init();
    const scheduler = app.get(SchedulerRegistry);

    expect(scheduler.doesExist('timeout', LLM_CONNECTIVITY_JOB)).toBe(true);
    await app.close();
    expect(scheduler.doesExist('timeout', LLM_CONNECTIVITY_JOB)).toBe(false);
  });

  it('refuses policies that cannot work, for all providers at once', async () => {
    const options: LlmModuleOptions = {
      providers: [
        { name: 'a', kind: 'offline', model: 'm', retry: { maxRetries: -1 } },
        { name: 'b', kind: 'offline', model: 'm', circuitBreaker: { failureRate: 7 } },
      ],
    };

    const failure = await build(LlmModule.forRoot(options)).catch((error: unknown) => error);

    expect(failure).toMatchObject({
      code: 'RESILIENCE_OPTIONS',
      message: expect.stringMatching(/llm:a:m > retry > maxRetries[\s\S]*llm:b:m > circuitBreaker > failureRate/),
    });
  });
});
