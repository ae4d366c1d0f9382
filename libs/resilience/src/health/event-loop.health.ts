import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import * as option from '../engine/option/index.js';
import { degraded, down, type HealthOutcome, up } from './health-outcome.js';

export const EVENT_LOOP_HEALTH = option.options({
  /**
   * A 99th percentile of the delay since the last look above this degrades.
   * @default '200ms'
   */
  degradedAbove: option.duration(200),
  /**
   * Above this the process counts as down: it answers nobody in time.
   * @default '2s'
   */
  downAbove: option.duration(2_000),
});

export interface EventLoopHealthOptions extends option.OptionsOf<typeof EVENT_LOOP_HEALTH.spec> {}

/** Milliseconds. */
export const DEFAULT_EVENT_LOOP_HEALTH_OPTIONS = EVENT_LOOP_HEALTH.default;

/** Node samples the delay with a timer of this many milliseconds, which is part of what it measures. */
const RESOLUTION_MS = 20;

/** How late timers fire. Measuring starts with the first look. */
@Injectable()
export class EventLoopHealthIndicator implements OnModuleDestroy {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  check(options?: EventLoopHealthOptions): HealthOutcome {
    const { degradedAbove, downAbove } = option.read(EVENT_LOOP_HEALTH, options, 'HealthModule > eventLoop');
    // Starting twice is harmless: `false` says that it runs already.
    this.delay.enable();
    const p99Ms = lateness(this.delay.percentile(99));
    const maxMs = lateness(this.delay.max);
    this.delay.reset();
    const details = { p99Ms, maxMs };
    if (p99Ms > downAbove) return down(`the event loop is ${p99Ms} ms late, more than ${downAbove}`, details);
    if (p99Ms > degradedAbove)
      return degraded(`the event loop is ${p99Ms} ms late, more than ${degradedAbove}`, details);
    return up(details);
  }

  onModuleDestroy(): void {
    this.delay.disable();
  }
}

/** Nanoseconds of a sample to milliseconds beyond the sampling itself; `max` of an empty histogram is 0. */
function lateness(nanoseconds: number): number {
  return Math.max(0, Math.round(nanoseconds / 1e6 - RESOLUTION_MS));
}
