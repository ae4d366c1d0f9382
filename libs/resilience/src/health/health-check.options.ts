import type { Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';

/** What a running check is given. */
export interface HealthCheckContext {
  /** Aborted when the check took longer than its `timeout`, or the application shuts down. */
  readonly signal: AbortSignal;
}

/**
 * Looks at one thing. Resolving with nothing means up, throwing means down with the error's message. The result of a Terminus
 * indicator (`() => this.http.pingCheck('api', url)`) is understood too.
 */
export type HealthCheckFunction = (context: HealthCheckContext) => unknown;

export interface HealthCheckOptions {
  /**
   * A critical check that is down makes the process not ready (503); any other only degrades it.
   * @default true
   */
  readonly critical?: boolean;
  /**
   * Pause between two runs, give or take 10 %.
   * @default '30s'
   */
  readonly interval?: Duration;
  /**
   * A run that takes longer counts as down. Keep it below `interval`.
   * @default '10s'
   */
  readonly timeout?: Duration;
}

/** Milliseconds. */
export const DEFAULT_HEALTH_CHECK_OPTIONS = { critical: true, interval: 30_000, timeout: 10_000 } as const;

export interface HealthCheckSettings {
  readonly critical: boolean;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** @throws ResilienceOptionsError naming every option that cannot work. */
export function readHealthCheckOptions(name: string, options: HealthCheckOptions | undefined): HealthCheckSettings {
  const reader = new OptionsReader(options, `health check '${name}'`, ['critical', 'interval', 'timeout']);
  const settings = {
    critical: reader.boolean('critical', DEFAULT_HEALTH_CHECK_OPTIONS.critical),
    intervalMs: reader.duration('interval', DEFAULT_HEALTH_CHECK_OPTIONS.interval, { min: 10 }),
    timeoutMs: reader.duration('timeout', DEFAULT_HEALTH_CHECK_OPTIONS.timeout, { min: 1 }),
  };
  reader.finish();
  return settings;
}
