import type { MeterProvider, TracerProvider } from '@opentelemetry/api';

import { OptionsReader } from '../engine/options.js';

export interface TelemetryModuleOptions {
  /**
   * One span per call, one child span per attempt, and the histogram of durations. A traced call does more work than one that
   * only succeeds, so it is a matter of choice.
   * @default true
   */
  readonly tracing?: boolean;
  /**
   * Counters and gauges. They are read when they are collected and cost a call nothing.
   * @default true
   */
  readonly metrics?: boolean;
  /** Instead of the one that is registered with `@opentelemetry/api`. */
  readonly tracerProvider?: TracerProvider;
  /** Instead of the one that is registered with `@opentelemetry/api`. */
  readonly meterProvider?: MeterProvider;
}

export const DEFAULT_TELEMETRY_MODULE_OPTIONS = { tracing: true, metrics: true } as const;

export const TELEMETRY_SETTINGS = Symbol('nest-resilience:telemetry-settings');

export interface TelemetryModuleSettings {
  readonly tracing: boolean;
  readonly metrics: boolean;
  readonly tracerProvider: TracerProvider | undefined;
  readonly meterProvider: MeterProvider | undefined;
}

/** @throws ResilienceOptionsError naming every option that cannot work. */
export function readTelemetryModuleOptions(options: TelemetryModuleOptions | undefined): TelemetryModuleSettings {
  const known = ['tracing', 'metrics', 'tracerProvider', 'meterProvider'] as const;
  const reader = new OptionsReader(options, 'TelemetryModule', known);
  checkProvider(reader, 'tracerProvider', 'getTracer');
  checkProvider(reader, 'meterProvider', 'getMeter');
  const settings = {
    tracing: reader.boolean('tracing', DEFAULT_TELEMETRY_MODULE_OPTIONS.tracing),
    metrics: reader.boolean('metrics', DEFAULT_TELEMETRY_MODULE_OPTIONS.metrics),
    tracerProvider: options?.tracerProvider,
    meterProvider: options?.meterProvider,
  };
  reader.finish();
  return settings;
}

function checkProvider(
  reader: OptionsReader<TelemetryModuleOptions>,
  name: 'tracerProvider' | 'meterProvider',
  method: string,
): void {
  const value = reader.raw(name);
  if (value === undefined || typeof (Object(value) as Record<string, unknown>)[method] === 'function') return;
  reader.problem(name, value, `an OpenTelemetry provider, with the method ${method}`);
}
