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
    ClusterHealth,
  ],
  exports: [RedisConnection, ClusterCircuits, ClusterLimits, ClusterLeases],
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
