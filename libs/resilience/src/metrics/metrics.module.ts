import { type DynamicModule, Module } from '@nestjs/common';
import { describeRoutes } from '../nest/openapi/describe-routes.js';
import { ownController } from '../nest/openapi/own-controller.js';
import { MetricsController } from './metrics.controller.js';
import { METRICS_SETTINGS, type MetricsModuleOptions, readMetricsModuleOptions } from './metrics.options.js';
import { METRICS } from './metrics.openapi.js';
import { PrometheusMetrics } from './prometheus.metrics.js';

const OPENAPI = Symbol.for('nest-resilience:metrics-openapi');

/** `GET /metrics` for Prometheus. */
@Module({})
export class MetricsModule {
  /** @throws ResilienceOptionsError naming every option that cannot work */
  static forRoot(options?: MetricsModuleOptions): DynamicModule {
    const settings = readMetricsModuleOptions(options);
    const controllers = settings.path === false ? [] : [ownController(MetricsController, settings.path)];
    const describe = () => describeRoutes(controllers.map((type) => [type, METRICS(settings.openMetrics)]));
    return {
      module: MetricsModule,
      global: true,
      controllers,
      providers: [
        { provide: METRICS_SETTINGS, useValue: settings },
        { provide: OPENAPI, useFactory: describe },
        PrometheusMetrics,
      ],
      exports: [PrometheusMetrics],
    };
  }
}
