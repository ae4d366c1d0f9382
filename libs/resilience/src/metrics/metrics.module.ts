import { Controller, type DynamicModule, Module, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { describeRoutes } from '../nest/openapi/describe-routes.js';
import { MetricsController } from './metrics.controller.js';
import { METRICS_SETTINGS, type MetricsModuleOptions, readMetricsModuleOptions } from './metrics.options.js';
import { METRICS } from './metrics.openapi.js';
import { PrometheusMetrics } from './prometheus.metrics.js';

const OPENAPI = Symbol('nest-resilience:metrics-openapi');

/** `GET /metrics` for Prometheus. */
@Module({})
export class MetricsModule {
  /** @throws ResilienceOptionsError naming every option that cannot work */
  static forRoot(options?: MetricsModuleOptions): DynamicModule {
    const settings = readMetricsModuleOptions(options);
    const controllers = settings.path === false ? [] : [controllerAt(settings.path)];
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

/** A class of its own for each module: two applications in one process may want two paths. */
function controllerAt(path: string): Type<MetricsController> {
  class MetricsControllerAtPath extends MetricsController {}
  Controller({ path, version: VERSION_NEUTRAL })(MetricsControllerAtPath);
  return MetricsControllerAtPath;
}
