import * as option from '../engine/option/index.js';

export const BULKHEAD = option.options(
  {
    /** Bulkheads with one name share one state. @default `Class.method` */
    name: option.text(),
    /** Attempts that may run at once. @default 25 */
    maxConcurrent: option.whole(25, { min: 1 }),
    /** Attempts that may wait in line for a place; the next one is refused at once. @default 0 */
    maxQueue: option.whole(0, { min: 0 }),
    /** A longer wait in line is refused. @default none: until the call's own limits end it */
    queueTimeout: option.needs('maxQueue', option.duration(undefined, { min: 1 })),
  },
  { shorthand: 'maxConcurrent' },
);

/** Options of `@Bulkhead`. A bare number sets `maxConcurrent`. */
export interface BulkheadOptions extends option.OptionsOf<typeof BULKHEAD.spec> {}

export const DEFAULT_BULKHEAD_OPTIONS = BULKHEAD.default;

/** Durations in milliseconds. */
export type ResolvedBulkheadOptions = option.ResolvedOf<typeof BULKHEAD.spec>;

export const readBulkheadOptions = option.readerOf(BULKHEAD);
