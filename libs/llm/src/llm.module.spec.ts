import { describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { LLM_CONNECTIVITY_JOB } from './health/connectivity.checker.js';
import { LlmModule } from './llm.module.js';
import type { LlmModuleOptions } from './llm.options.js';
import { LlmService } from './llm.service.js';
import { providersFromEnv } from './providers-from-env.js';

const build = (module: ReturnType<typeof LlmModule.forRoot>) =>
  Test.createTestingModule({ imports: [ResilienceModule.forRoot(), ScheduleModule.forRoot(), module] }).compile();

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
