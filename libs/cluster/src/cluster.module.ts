import {
  type ConfigurableModuleAsyncOptions,
  ConfigurableModuleBuilder,
  type DynamicModule,
  Module,
} from '@nestjs/common';
import { type Clock, RESILIENCE_CLOCK } from '@nest-resilience/core';
import { FigureTable } from '@nest-resilience/core/kit';
import { extendedModule, GIVEN_OPTIONS, moduleSettings } from '@nest-resilience/core/admin';
import { ClusterCircuits } from './circuits/cluster-circuits.js';
import { ClusterController } from './cluster.controller.js';
import { ClusterHealth } from './cluster.health.js';
import { type ClusterModuleOptions, readClusterOptions, type ResolvedClusterOptions } from './cluster.options.js';
import { RedisConnection } from './connection/redis.connection.js';
import { ClusterLeases } from './leases/cluster-leases.js';
import { ClusterLimits } from './limits/cluster-limits.js';
import { SharedWork } from './work/shared-work.js';

const OPTIONS = Symbol.for('nest-resilience:cluster-options');

/** Tokens of `@nest-resilience/llm` and `@nest-resilience/workflow`, which need not be installed. */
const SEAMS = {
  limits: Symbol.for('nest-resilience:llm-shared-limits'),
  lease: Symbol.for('nest-resilience:llm-cluster-lease'),
  work: Symbol.for('nest-resilience:workflow-cluster'),
};

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<ClusterModuleOptions>({
  optionsInjectionToken: GIVEN_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createClusterOptions')
  .setExtras({}, assemble)
  .build();

/** `useFactory`, `useClass` or `useExisting`; of a class `createClusterOptions()` is asked. */
export type ClusterModuleAsyncOptions = ConfigurableModuleAsyncOptions<ClusterModuleOptions, 'createClusterOptions'>;

/**
 * Makes the replicas of an application one: they share circuits and limits over Redis or Valkey. Global. Needs
 * `ResilienceModule.forRoot()`; decorators and routes stay as they are. A Redis that is away does not stop the application: it starts
 * `degraded`, decides alone, and connects later.
 */
@Module({
  controllers: [ClusterController],
  providers: [
    {
      provide: RedisConnection,
      inject: [OPTIONS, RESILIENCE_CLOCK],
      useFactory: (options: ResolvedClusterOptions, clock: Clock) => RedisConnection.open(options, clock),
    },
    ClusterCircuits,
    ClusterLimits,
    ClusterLeases,
    { provide: SEAMS.limits, useExisting: ClusterLimits },
    { provide: SEAMS.lease, useExisting: ClusterLeases },
    ClusterHealth,
    {
      provide: SharedWork,
      inject: [RedisConnection, RESILIENCE_CLOCK, FigureTable],
      useFactory: (redis: RedisConnection, clock: Clock, figures: FigureTable) => new SharedWork(redis, clock, figures),
    },
    { provide: SEAMS.work, useExisting: SharedWork },
  ],
  exports: [RedisConnection, ClusterCircuits, ClusterLimits, ClusterLeases, ...Object.values(SEAMS)],
})
export class ClusterModule extends ConfigurableModuleClass {
  /**
   * @throws ResilienceOptionsError with every option that cannot work
   */
  static override forRoot(options: ClusterModuleOptions): DynamicModule {
    readClusterOptions(options);
    return super.forRoot(options);
  }

  /** As {@link forRoot}; options that cannot work end the start of the application. */
  static override forRootAsync(options: ClusterModuleAsyncOptions): DynamicModule {
    return super.forRootAsync(options);
  }
}

function assemble(definition: DynamicModule, given: Partial<ClusterModuleOptions>): DynamicModule {
  return extendedModule(definition, {
    global: true,
    providers: [moduleSettings({ provide: OPTIONS, read: readClusterOptions, given, statics: {} })],
  });
}
