import * as option from '../engine/option/index.js';

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

const OPTIONS = option.options({
  /**
   * A critical check that is down makes the process not ready (503); any other only degrades it.
   * @default true
   */
  critical: option.flag(true),
  /**
   * Pause between two runs, give or take 10 %.
   * @default '30s'
   */
  interval: option.duration(30_000, { min: 10 }),
  /**
   * A run that takes longer counts as down. Keep it below `interval`.
   * @default '10s'
   */
  timeout: option.duration(10_000, { min: 1 }),
});

export interface HealthCheckOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

/** Milliseconds. */
export const DEFAULT_HEALTH_CHECK_OPTIONS = OPTIONS.default;

/** Durations in milliseconds. */
export type HealthCheckSettings = option.ResolvedOf<typeof OPTIONS.spec>;

/** @throws ResilienceOptionsError naming every option that cannot work. */
export function readHealthCheckOptions(name: string, options: HealthCheckOptions | undefined): HealthCheckSettings {
  return option.read(OPTIONS, options, `health check '${name}'`);
}
