import { ConfigurableModuleBuilder, type DynamicModule, Module } from '@nestjs/common';
import { extended, GIVEN_OPTIONS, settings } from '../nest/module-options.js';
import { describeRoutes } from '../nest/openapi/describe-routes.js';
import { ownController } from '../nest/openapi/own-controller.js';
import { MetricsController } from './metrics.controller.js';
import {
  METRICS_SETTINGS,
  type MetricsModuleOptions,
  type MetricsModuleSettings,
  readMetricsModuleOptions,
} from './metrics.options.js';
import { METRICS } from './metrics.openapi.js';
import { PrometheusMetrics } from './prometheus.metrics.js';

const OPENAPI = Symbol.for('nest-resilience:metrics-openapi');

/** Given beside the factory of `forRootAsync`. */
const STATICS: Pick<MetricsModuleOptions, 'path' | 'isGlobal'> = { path: 'metrics', isGlobal: true };

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<MetricsModuleOptions>({
  optionsInjectionToken: GIVEN_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createMetricsOptions')
  .setExtras(STATICS, assemble)
  .build();

/** `GET /metrics` for Prometheus. Options that cannot work are a ResilienceOptionsError that names each of them. */
@Module({ providers: [PrometheusMetrics], exports: [PrometheusMetrics] })
export class MetricsModule extends ConfigurableModuleClass {
  static override forRoot(options: MetricsModuleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}

function assemble(definition: DynamicModule, given: MetricsModuleOptions): DynamicModule {
  const { path, isGlobal } = readMetricsModuleOptions(given);
  const controllers = path === false ? [] : [ownController(MetricsController, path)];
  const describe = ({ openMetrics }: MetricsModuleSettings) =>
    describeRoutes(controllers.map((type) => [type, METRICS(openMetrics)]));
  return extended(definition, {
    global: isGlobal,
    controllers,
    providers: [
      settings({ provide: METRICS_SETTINGS, read: readMetricsModuleOptions, given, statics: STATICS }),
      { provide: OPENAPI, inject: [METRICS_SETTINGS], useFactory: describe },
    ],
  });
}
