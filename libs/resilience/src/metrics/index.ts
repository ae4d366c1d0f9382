export { MetricsController } from './metrics.controller.js';
export { MetricsModule } from './metrics.module.js';
export {
  DEFAULT_METRICS_MODULE_OPTIONS,
  DURATION_BUCKETS_SECONDS,
  type MetricsModuleOptions,
} from './metrics.options.js';
export { PrometheusMetrics } from './prometheus.metrics.js';
export { type Sample, ScrapedMetric } from './scraped-metric.js';
