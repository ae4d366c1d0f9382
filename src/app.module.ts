import { join } from 'node:path';

import { ResilienceModule } from '@nest-resilience/core';
import { ClusterModule } from '@nest-resilience/cluster';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule } from '@nest-resilience/core/health';
import { MetricsModule } from '@nest-resilience/core/metrics';
import { LlmService } from '@nest-resilience/llm';
import { WorkflowModule } from '@nest-resilience/workflow';
import { type DynamicModule, Module } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { ScheduleModule } from '@nestjs/schedule';

import type { Configuration } from './configuration/configuration.js';
import { ChecksModule } from './health/checks.module.js';
import { InboxModule } from './inbox/inbox.module.js';
import { BudgetStoreModule } from './models/budget-store.module.js';
import { modelsModule } from './models/models.module.js';
import { storesOf } from './stores.js';
import { ExecutionMessages } from './transport/executions.messages.js';

/** The service: the packages put together. */
@Module({})
export class AppModule {
  static forRoot(configuration: Configuration, env: NodeJS.ProcessEnv = process.env): DynamicModule {
    const { DATA_DIR, WORKFLOWS_DIR, ADMIN_TOKEN, SHUTDOWN_TIMEOUT, EXECUTION_RETENTION } = configuration;
    const { deadLetters, executions, budgets } = storesOf(configuration);
    return {
      module: AppModule,
      controllers: [ExecutionMessages],
      imports: [
        EventEmitterModule.forRoot(),
        ScheduleModule.forRoot(),
        ResilienceModule.forRoot({
          deadLetter: { store: deadLetters, spillDirectory: join(DATA_DIR, 'spill') },
          shutdownTimeout: SHUTDOWN_TIMEOUT,
        }),
        ...clusterOf(configuration),
        HealthModule.forRoot({ deadLetters: true, store: true }),
        ChecksModule,
        MetricsModule.forRoot(),
        AdminModule.forRoot({ token: ADMIN_TOKEN }),
        BudgetStoreModule.forRoot(budgets),
        modelsModule(configuration, env),
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
            store: executions,
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

function clusterOf(configuration: Configuration): DynamicModule[] {
  if (configuration.CLUSTER === 'off') return [];
  const { REDIS_URL, REDIS_CA_FILE, CLUSTER_PREFIX, CLUSTER_QUORUM, EXECUTION_LEASE, REPLICA_ID } = configuration;
  return [
    ClusterModule.forRoot({
      ...{ redis: REDIS_URL, prefix: CLUSTER_PREFIX, quorum: CLUSTER_QUORUM, lease: EXECUTION_LEASE },
      ...(REDIS_CA_FILE !== undefined && { ca: REDIS_CA_FILE }),
      ...(REPLICA_ID !== undefined && { replicaId: REPLICA_ID }),
    }),
  ];
}
