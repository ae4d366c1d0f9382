import { option } from '@nest-resilience/core';

export const HEDGE = option.options(
  {
    /** How long a target may keep a call waiting before the next one is asked beside it. */
    delay: option.required(option.duration(), "how long to wait, e.g. '2s'"),
  },
  { shorthand: 'delay' },
);

/** Asks the next target beside one that is slow; the first good answer counts. A bare duration sets `delay`. */
export interface LlmHedgeOptions extends option.OptionsOf<typeof HEDGE.spec> {}

/** Milliseconds. */
export type ResolvedHedge = option.OutOf<typeof HEDGE>;
