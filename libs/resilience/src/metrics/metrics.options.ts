import type { Registry } from 'prom-client';
import { OptionsReader } from '../engine/options.js';

export interface MetricsModuleOptions {
  /**
   * Where Prometheus scrapes. `false`: no route, the metrics are only registered.
   * @default 'metrics'
   */
  readonly path?: string | false;
  /**
   * Also the metrics of the process: CPU, heap, garbage collection, event loop.
   * @default true, but false when a `registry` is given: it may have them already
   */
  readonly defaultMetrics?: boolean;
  /**
   * Answer in the OpenMetrics text format. Does not apply to a `registry` of your own.
   * @default false
   */
  readonly openMetrics?: boolean;
  /** Register into this one instead of a registry of the module's own, e.g. prom-client's global `register`. */
  readonly registry?: Registry;
}

export const DEFAULT_METRICS_MODULE_OPTIONS = { path: 'metrics', defaultMetrics: true, openMetrics: false } as const;

export const METRICS_SETTINGS = Symbol('nest-resilience:metrics-settings');

export interface MetricsModuleSettings {
  readonly path: string | false;
  readonly defaultMetrics: boolean;
  readonly openMetrics: boolean;
  readonly registry: Registry | undefined;
}

/** @throws ResilienceOptionsError naming every option that cannot work. */
export function readMetricsModuleOptions(options: MetricsModuleOptions | undefined): MetricsModuleSettings {
  const known = ['path', 'defaultMetrics', 'openMetrics', 'registry'] as const;
  const reader = new OptionsReader(options, 'MetricsModule', known);
  const { path, defaultMetrics, openMetrics } = DEFAULT_METRICS_MODULE_OPTIONS;
  const settings = {
    path: reader.raw('path') === false ? (false as const) : reader.string('path', path),
    defaultMetrics: reader.boolean('defaultMetrics', options?.registry ? false : defaultMetrics),
    openMetrics: reader.boolean('openMetrics', openMetrics),
    registry: options?.registry,
  };
  reader.finish();
  return settings;
}
