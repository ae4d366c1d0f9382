import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';
import { degraded, down, type HealthOutcome, up } from './health-outcome.js';

export interface EventLoopHealthOptions {
  /**
   * A 99th percentile of the delay since the last look above this degrades.
   * @default '200ms'
   */
  readonly degradedAbove?: Duration;
  /**
   * Above this the process counts as down: it answers nobody in time.
   * @default '2s'
   */
  readonly downAbove?: Duration;
}

/** Milliseconds. */
export const DEFAULT_EVENT_LOOP_HEALTH_OPTIONS = { degradedAbove: 200, downAbove: 2_000 } as const;

/** Node samples the delay with a timer of this many milliseconds, which is part of what it measures. */
const RESOLUTION_MS = 20;

/** How late timers fire. Measuring starts with the first look. */
@Injectable()
export class EventLoopHealthIndicator implements OnModuleDestroy {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  check(options?: EventLoopHealthOptions): HealthOutcome {
    const { degradedAboveMs, downAboveMs } = readEventLoopHealthOptions(options);
    // Starting twice is harmless: `false` says that it runs already.
    this.delay.enable();
    const p99Ms = lateness(this.delay.percentile(99));
    const maxMs = lateness(this.delay.max);
    this.delay.reset();
    const details = { p99Ms, maxMs };
    if (p99Ms > downAboveMs) return down(`the event loop is ${p99Ms} ms late, more than ${downAboveMs}`, details);
    if (p99Ms > degradedAboveMs)
      return degraded(`the event loop is ${p99Ms} ms late, more than ${degradedAboveMs}`, details);
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

/** @throws ResilienceOptionsError */
export function readEventLoopHealthOptions(options: EventLoopHealthOptions | undefined) {
  const reader = new OptionsReader(options, 'HealthModule > eventLoop', ['degradedAbove', 'downAbove']);
  const { degradedAbove, downAbove } = DEFAULT_EVENT_LOOP_HEALTH_OPTIONS;
  const settings = {
    degradedAboveMs: reader.duration('degradedAbove', degradedAbove),
    downAboveMs: reader.duration('downAbove', downAbove),
  };
  reader.finish();
  return settings;
}
