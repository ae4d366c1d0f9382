import { join } from 'node:path';

import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule } from '@nest-resilience/core/health';
import { MetricsModule } from '@nest-resilience/core/metrics';
import { LlmModule, type LlmProviderOptions, LlmService, providersFromEnv } from '@nest-resilience/llm';
import { sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';
import { WorkflowModule } from '@nest-resilience/workflow';
import { type DynamicModule, Module } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { ScheduleModule } from '@nestjs/schedule';

import { type Configuration, ConfigurationError } from './configuration/configuration.js';
import { ChecksModule } from './health/checks.module.js';
import { InboxModule } from './inbox/inbox.module.js';
import { ExecutionMessages } from './transport/executions.messages.js';

/** The service: the packages put together. */
@Module({})
export class AppModule {
  static forRoot(configuration: Configuration, env: NodeJS.ProcessEnv = process.env): DynamicModule {
    const { DATA_DIR, WORKFLOWS_DIR, ADMIN_TOKEN, SHUTDOWN_TIMEOUT, EXECUTION_RETENTION } = configuration;
    const file = join(DATA_DIR, 'nest-resilience.db');
    return {
      module: AppModule,
      controllers: [ExecutionMessages],
      imports: [
        EventEmitterModule.forRoot(),
        ScheduleModule.forRoot(),
        ResilienceModule.forRoot({
          deadLetter: { store: sqliteStore({ file }), spillDirectory: join(DATA_DIR, 'spill') },
          shutdownTimeout: SHUTDOWN_TIMEOUT,
        }),
        HealthModule.forRoot({ deadLetters: true, store: true }),
        ChecksModule,
        MetricsModule.forRoot(),
        AdminModule.forRoot({ token: ADMIN_TOKEN }),
        LlmModule.forRoot({
          providers: modelsOf(configuration, env),
          timeout: { each: configuration.LLM_TIMEOUT },
          retry: { maxRetries: configuration.LLM_RETRIES, baseDelay: configuration.LLM_RETRY_BASE_DELAY },
          circuitBreaker: {
            window: { type: 'time', duration: configuration.LLM_CIRCUIT_WINDOW },
            recoveryTimeout: configuration.LLM_CIRCUIT_RECOVERY,
          },
        }),
        WorkflowModule.forRootAsync({
          inject: [LlmService],
          useFactory: (llm: LlmService) => ({
            llm,
            directory: WORKFLOWS_DIR,
            watch: configuration.WORKFLOWS_WATCH,
            ...(EXECUTION_RETENTION !== undefined && { retention: EXECUTION_RETENTION }),
            resume: configuration.EXECUTIONS_RESUME,
            requests: { allow: configuration.HTTP_ALLOW },
            limits: {
              running: configuration.EXECUTIONS_RUNNING,
              queued: configuration.EXECUTIONS_QUEUED,
              shutdown: SHUTDOWN_TIMEOUT,
            },
            store: sqliteExecutionStore({ file }),
          }),
        }),
        InboxModule.forRoot({
          archiveUrl: configuration.ARCHIVE_URL,
          archiveDirectory: join(DATA_DIR, 'archive'),
          deskUrl: configuration.DESK_URL,
        }),
      ],
    };
  }
}

/** @throws ConfigurationError when nobody is left to ask */
function modelsOf({ LLM_OFFLINE }: Configuration, env: NodeJS.ProcessEnv): LlmProviderOptions[] {
  const providers = providersFromEnv(env, { offline: LLM_OFFLINE });
  if (providers.length > 0) return providers;
  const message =
    "'off' leaves no model; set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_BASE_URL, or LLM_OFFLINE=last";
  throw new ConfigurationError([{ name: 'LLM_OFFLINE', source: 'environment', message }]);
}
