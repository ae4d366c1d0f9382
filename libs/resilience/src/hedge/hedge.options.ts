import * as option from '../engine/option/index.js';

export const HEDGE = option.options(
  {
    /**
     * How long to wait for an answer before the next attempt joins; 0 starts all of them at once.
     * Beside `percentile`: used until enough has been measured.
     */
    delay: option.duration(),
    /**
     * Measures the delay: the time within which this share (above 0, below 1) of the last 128 calls was answered. Without
     * `delay` nothing is hedged before 20 calls were answered.
     */
    percentile: option.number(undefined, { above: 0, below: 1 }),
    /** Attempts that may join the first one, 1 to 10. @default 1 */
    maxHedges: option.whole(1, { min: 1, max: 10 }),
  },
  {
    shorthand: 'delay',
    check: ({ given, at, input }) => {
      if (given.delay === undefined && given.percentile === undefined)
        at.refuse(input, "delay (such as '200ms'), percentile (such as 0.95), or both");
    },
  },
);

/** Options of `@Hedge`: at least one of `delay` and `percentile`. A bare duration sets `delay`. */
export interface HedgeOptions extends option.OptionsOf<typeof HEDGE.spec> {}

export const DEFAULT_HEDGE_OPTIONS = HEDGE.default;

/** `delay` in milliseconds. At least one of `delay` and `percentile` is given. */
export type ResolvedHedgeOptions = option.ResolvedOf<typeof HEDGE.spec>;

export const readHedgeOptions = option.readerOf(HEDGE);
