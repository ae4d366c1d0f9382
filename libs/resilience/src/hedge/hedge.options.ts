import type { Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';

/** Options of `@Hedge`: at least one of `delay` and `percentile`. A bare duration sets `delay`. */
export interface HedgeOptions {
  /**
   * How long to wait for an answer before the next attempt joins; 0 starts all of them at once.
   * Beside `percentile`: used until enough has been measured.
   */
  readonly delay?: Duration;
  /**
   * Measures the delay: the time within which this share (above 0, below 1) of the last 128 calls was answered. Without
   * `delay` nothing is hedged before 20 calls were answered.
   */
  readonly percentile?: number;
  /** Attempts that may join the first one, 1 to 10. @default 1 */
  readonly maxHedges?: number;
}

export const DEFAULT_HEDGE_OPTIONS = { maxHedges: 1 } as const satisfies HedgeOptions;

/** `delay` in milliseconds. At least one of `delay` and `percentile` is given. */
export interface ResolvedHedgeOptions {
  readonly delay: number | undefined;
  readonly percentile: number | undefined;
  readonly maxHedges: number;
}

const KNOWN = ['delay', 'percentile', 'maxHedges'] as const;

export function readHedgeOptions(input: HedgeOptions | Duration | undefined, path: string): ResolvedHedgeOptions {
  const bare = typeof input === 'number' || typeof input === 'string';
  const reader = new OptionsReader<HedgeOptions>(bare ? { delay: input } : input, path, KNOWN);
  const resolved: ResolvedHedgeOptions = {
    delay: reader.duration('delay', undefined),
    percentile: readPercentile(reader),
    maxHedges: reader.number('maxHedges', DEFAULT_HEDGE_OPTIONS.maxHedges, { min: 1, max: 10, integer: true }),
  };
  refuseWithoutMeasure(reader, input);
  reader.finish();
  return resolved;
}

function readPercentile(reader: OptionsReader<HedgeOptions>): number | undefined {
  const value = reader.raw('percentile');
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value > 0 && value < 1) return value;
  reader.problem('percentile', value, 'a number above 0 and below 1 such as 0.95');
  return undefined;
}

function refuseWithoutMeasure(reader: OptionsReader<HedgeOptions>, input: unknown): void {
  // What is no options object at all has been told already.
  if (input !== undefined && (typeof input !== 'object' || input === null || Array.isArray(input))) return;
  if (reader.raw('delay') !== undefined || reader.raw('percentile') !== undefined) return;
  reader.problem('', input, "delay (such as '200ms'), percentile (such as 0.95), or both");
}
