import {
  type ConfigurableModuleAsyncOptions,
  ConfigurableModuleBuilder,
  type DynamicModule,
  Module,
} from '@nestjs/common';
import { type Clock, RESILIENCE_CLOCK } from '@nest-resilience/core';
import { extendedModule, GIVEN_OPTIONS, moduleSettings } from '@nest-resilience/core/admin';
import { ClusterCircuits } from './circuits/cluster-circuits.js';
import { ClusterHealth } from './cluster.health.js';
import { type ClusterModuleOptions, readClusterOptions, type ResolvedClusterOptions } from './cluster.options.js';
import { RedisConnection } from './connection/redis.connection.js';
import { ClusterLeases } from './leases/cluster-leases.js';
import { ClusterLimits } from './limits/cluster-limits.js';

const OPTIONS = Symbol.for('nest-resilience:cluster-options');

/** `LLM_SHARED_LIMITS` and `LLM_CLUSTER_LEASE` of `@nest-resilience/llm`, which need not be installed. */
const FOR_LLM = {
  limits: Symbol.for('nest-resilience:llm-shared-limits'),
  lease: Symbol.for('nest-resilience:llm-cluster-lease'),
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
  providers: [
    {
      provide: RedisConnection,
      inject: [OPTIONS, RESILIENCE_CLOCK],
      useFactory: (options: ResolvedClusterOptions, clock: Clock) => RedisConnection.open(options, clock),
    },
    ClusterCircuits,
    ClusterLimits,
    ClusterLeases,
    { provide: FOR_LLM.limits, useExisting: ClusterLimits },
    { provide: FOR_LLM.lease, useExisting: ClusterLeases },
    ClusterHealth,
  ],
  exports: [RedisConnection, ClusterCircuits, ClusterLimits, ClusterLeases, FOR_LLM.limits, FOR_LLM.lease],
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
