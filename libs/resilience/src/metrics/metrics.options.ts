import type { Registry } from 'prom-client';
import * as option from '../engine/option/index.js';

const OPTIONS = option.options(
  {
    /**
     * Where Prometheus scrapes. `false`: no route, the metrics are only registered.
     * @default 'metrics'
     */
    path: option.textOrFalse('metrics'),
    /**
     * Also the metrics of the process: CPU, heap, garbage collection, event loop.
     * @default true, but false when a `registry` is given: it may have them already
     */
    defaultMetrics: option.flag(true),
    /**
     * Answer in the OpenMetrics text format. Does not apply to a `registry` of your own.
     * @default false
     */
    openMetrics: option.flag(false),
    /** Whether other modules see it without importing it. @default true */
    isGlobal: option.flag(true),
    /** Register into this one instead of a registry of the module's own, e.g. prom-client's global `register`. */
    registry: option.anything<Registry>(),
  },
  {
    infer: (given) =>
      given.registry && given.defaultMetrics === undefined ? { ...given, defaultMetrics: false } : given,
  },
);

export interface MetricsModuleOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

export const DEFAULT_METRICS_MODULE_OPTIONS = OPTIONS.default;

export const METRICS_SETTINGS = Symbol.for('nest-resilience:metrics-settings');

export type MetricsModuleSettings = option.ResolvedOf<typeof OPTIONS.spec>;

/** @throws ResilienceOptionsError naming every option that cannot work. */
export const readMetricsModuleOptions = (options?: MetricsModuleOptions): MetricsModuleSettings =>
  option.read(OPTIONS, options, 'MetricsModule');
