import type { MeterProvider, TracerProvider } from '@opentelemetry/api';

import * as option from '../engine/option/index.js';

const OPTIONS = option.options({
  /**
   * One span per call, one child span per attempt, and the histogram of durations. A traced call does more work than one that
   * only succeeds, so it is a matter of choice.
   * @default true
   */
  tracing: option.flag(true),
  /**
   * Counters and gauges. They are read when they are collected and cost a call nothing.
   * @default true
   */
  metrics: option.flag(true),
  /** Instead of the one that is registered with `@opentelemetry/api`. */
  tracerProvider: option.withMethods<TracerProvider>('getTracer'),
  /** Instead of the one that is registered with `@opentelemetry/api`. */
  meterProvider: option.withMethods<MeterProvider>('getMeter'),
});

export interface TelemetryModuleOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

export const DEFAULT_TELEMETRY_MODULE_OPTIONS = OPTIONS.default;

export const TELEMETRY_SETTINGS = Symbol.for('nest-resilience:telemetry-settings');

export type TelemetryModuleSettings = option.ResolvedOf<typeof OPTIONS.spec>;

/** @throws ResilienceOptionsError naming every option that cannot work. */
export const readTelemetryModuleOptions = (options?: TelemetryModuleOptions): TelemetryModuleSettings =>
  option.read(OPTIONS, options, 'TelemetryModule');
