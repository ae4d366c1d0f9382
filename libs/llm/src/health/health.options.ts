import { option } from '@nest-resilience/core';

export const HEALTH = option.options({
  /** @default true */
  enabled: option.flag(true),
  /** @default '5m' */
  interval: option.duration(300_000, { min: 1000 }),
  /** Share of the interval by which each run is moved, so that replicas do not ask together. @default 0.1 */
  jitter: option.number(0.1, { min: 0, max: 1 }),
  /** Of one provider's check. @default '10s' */
  timeout: option.duration(10_000, { min: 1 }),
  /** Whether the indicator may say `down` (when no provider is usable). @default false */
  critical: option.flag(false),
  /**
   * US dollars that all checks of this process together may cost within any 24 hours, by the `cost` of the providers and what
   * they counted. Listing models is free and goes on; a provider without `cost` is not held back, because nobody knows. 0: no
   * check that asks for a token, except where the `cost` is 0. Ten cents: a day of one-token checks of a model at 15 and 75
   * dollars per million tokens costs less. @default 0.1
   */
  maxCostPerDay: option.number(0.1, { min: 0 }),
});

export interface LlmHealthOptions extends option.OptionsOf<typeof HEALTH.spec> {}
