import * as option from '../engine/option/index.js';

const AT_LEAST_1 = { min: 1 };

export const TIMEOUT = option.options(
  {
    /**
     * One attempt. For a stream it is the time until the first item, unless `firstItem` is given. Infinity: no limit of its own.
     * @default 30 s
     */
    each: option.duration(30_000, { min: 1, max: Infinity }),
    /** The whole call including retries and waits. @default none */
    total: option.duration(Infinity, AT_LEAST_1),
    /** Factor by which `each` grows per attempt: 2 gives 30, 60, 120 s. @default 1 */
    growth: option.number(1, { min: 1, max: 100 }),
    /** Upper bound of a growing `each`. @default none */
    max: option.duration(Infinity, AT_LEAST_1),
    /** Streams: until the first item. @default `each` */
    firstItem: option.duration(undefined, AT_LEAST_1),
    /** Streams: between two items. @default none */
    idle: option.duration(Infinity, AT_LEAST_1),
  },
  { shorthand: 'each' },
);

/** Limits of `@Timeout`. A bare duration sets `each`. */
export interface TimeoutOptions extends option.OptionsOf<typeof TIMEOUT.spec> {}

export const DEFAULT_TIMEOUT_OPTIONS = TIMEOUT.default;

/** Milliseconds; Infinity for "none". */
export type ResolvedTimeoutOptions = option.ResolvedOf<typeof TIMEOUT.spec>;

export const readTimeoutOptions = option.readerOf(TIMEOUT);
