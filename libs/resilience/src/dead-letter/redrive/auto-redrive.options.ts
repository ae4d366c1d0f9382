import * as option from '../../engine/option/index.js';

const OPTIONS = option.options({
  /** Time between two rounds, counted from the end of the first. @default '1m' */
  interval: option.duration(60_000, { min: 1_000 }),
  /** Only entries of these queues. @default all */
  queues: option.custom<readonly string[], readonly string[]>((value, at) =>
    Array.isArray(value) && value.length > 0 && value.every(option.isText)
      ? value
      : at.refuse(value, "names such as ['orders']"),
  ),
  /** How long a new entry is left alone. @default '1m' */
  baseDelay: option.duration(60_000),
  /** Each failed redrive makes the next wait that many times as long. @default 2 */
  multiplier: option.number(2, { min: 1 }),
  /** No wait is longer. @default '1h' */
  maxDelay: option.duration(3_600_000),
  /** Redrives started a second, at most. @default 10 */
  ratePerSecond: option.number(10, { min: 0.001, max: 10_000 }),
  /** Redrives a round, at most. @default 100 */
  limit: option.whole(100, { min: 1 }),
});

/** Redriving without a person. Off unless `ResilienceModule.forRoot({ deadLetter: { autoRedrive } })` asks for it. */
export interface AutoRedriveOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

/** `true`: with all defaults; `false` and nothing: off. */
export const AUTO_REDRIVE = option.switchOf(OPTIONS);

/** Durations in milliseconds. */
export const DEFAULT_AUTO_REDRIVE_OPTIONS = OPTIONS.default;

/** {@link AutoRedriveOptions}, checked and with defaults; durations in milliseconds. */
export type ResolvedAutoRedriveOptions = option.ResolvedOf<typeof OPTIONS.spec>;
