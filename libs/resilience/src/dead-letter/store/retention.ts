import * as option from '../../engine/option/index.js';

export const RETENTION = option.options({
  /** Resolved and discarded entries go this long after they were closed. @default '180d' */
  age: option.duration('180d'),
  /** Above this many entries a queue, its oldest resolved and discarded ones go. @default 100_000 */
  maxEntriesPerQueue: option.whole(100_000, { min: 1 }),
});

/** What may be forgotten. Entries that are pending or poisoned never are, however old or many. */
export interface DeadLetterRetention extends option.OptionsOf<typeof RETENTION.spec> {}

export const DEFAULT_DEAD_LETTER_RETENTION = RETENTION.default;
