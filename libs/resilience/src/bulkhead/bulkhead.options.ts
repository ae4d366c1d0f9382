import type { Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';

/** Options of `@Bulkhead`. A bare number sets `maxConcurrent`. */
export interface BulkheadOptions {
  /** Bulkheads with one name share one state. @default `Class.method` */
  readonly name?: string;
  /** Attempts that may run at once. @default 25 */
  readonly maxConcurrent?: number;
  /** Attempts that may wait in line for a place; the next one is refused at once. @default 0 */
  readonly maxQueue?: number;
  /** A longer wait in line is refused. @default none: until the call's own limits end it */
  readonly queueTimeout?: Duration;
}

export const DEFAULT_BULKHEAD_OPTIONS = { maxConcurrent: 25, maxQueue: 0 } as const satisfies BulkheadOptions;

/** Durations in milliseconds. */
export interface ResolvedBulkheadOptions {
  readonly name: string | undefined;
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly queueTimeout: number | undefined;
}

const KNOWN = ['name', 'maxConcurrent', 'maxQueue', 'queueTimeout'] as const;

export function readBulkheadOptions(
  input: BulkheadOptions | number | undefined,
  path: string,
): ResolvedBulkheadOptions {
  const options = typeof input === 'number' ? { maxConcurrent: input } : input;
  const reader = new OptionsReader<BulkheadOptions>(options, path, KNOWN);
  const { maxConcurrent, maxQueue } = DEFAULT_BULKHEAD_OPTIONS;
  const resolved: ResolvedBulkheadOptions = {
    name: reader.string('name', undefined),
    maxConcurrent: reader.number('maxConcurrent', maxConcurrent, { min: 1, integer: true }),
    maxQueue: reader.number('maxQueue', maxQueue, { min: 0, integer: true }),
    queueTimeout: reader.duration('queueTimeout', undefined, { min: 1 }),
  };
  if (reader.raw('queueTimeout') !== undefined && reader.raw('maxQueue') === undefined)
    reader.problem('queueTimeout', reader.raw('queueTimeout'), 'nothing without maxQueue: nobody waits');
  reader.finish();
  return resolved;
}
