import * as option from '../engine/option/index.js';

const ADAPTIVE = option.options(
  {
    /** Never fewer at once than these. @default 1 */
    min: option.whole(1, { min: 1 }),
    /** Never more at once than these. */
    max: option.required(option.whole(undefined, { min: 1 }), 'how many may run at once at most, such as 50'),
  },
  {
    check: ({ given, at, resolved: { min, max } }) => {
      if (min > max) at.at('min').refuse(given.min, `a whole number from 1 to max, which is ${max}`);
    },
  },
);

export interface AdaptiveOptions extends option.OptionsOf<typeof ADAPTIVE.spec> {}

export const BULKHEAD = option.options(
  {
    /** Bulkheads with one name share one state. @default `Class.method` */
    name: option.text(),
    /** Attempts that may run at once; with `adaptive`, where that begins. @default 25 */
    maxConcurrent: option.whole(25, { min: 1 }),
    /**
     * Finds out between `min` and `max` how many attempts may run at once by how long they take: more while that is as usual, fewer when
     * it grows. @default none: `maxConcurrent`
     */
    adaptive: option.custom<AdaptiveOptions, option.OutOf<typeof ADAPTIVE>>((value, at) => ADAPTIVE.read(value, at), {
      schema: ADAPTIVE.schema,
    }),
    /** Attempts that may wait in line for a place; the next one is refused at once. @default 0 */
    maxQueue: option.whole(0, { min: 0 }),
    /** A longer wait in line is refused. @default none: until the call's own limits end it */
    maxWait: option.needs('maxQueue', option.duration(undefined, { min: 1 })),
  },
  { shorthand: 'maxConcurrent' },
);

/** Options of `@Bulkhead`. A bare number sets `maxConcurrent`. */
export interface BulkheadOptions extends option.OptionsOf<typeof BULKHEAD.spec> {}

export const DEFAULT_BULKHEAD_OPTIONS = BULKHEAD.default;

/** Durations in milliseconds. */
export type ResolvedBulkheadOptions = option.ResolvedOf<typeof BULKHEAD.spec>;

export const readBulkheadOptions = option.readerOf(BULKHEAD);
