export { DURATION_BUCKETS_SECONDS } from '../nest/figures/call.figures.js';
export { MetricsController } from './metrics.controller.js';
export { MetricsModule } from './metrics.module.js';
export { DEFAULT_METRICS_MODULE_OPTIONS, type MetricsModuleOptions } from './metrics.options.js';
export { PrometheusMetrics } from './prometheus.metrics.js';
