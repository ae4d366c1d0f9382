import { type Duration, parseDuration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';

/** What may be forgotten. Entries that are pending or poisoned never are, however old or many. */
export interface DeadLetterRetention {
  /** Resolved and discarded entries go this long after they were closed. @default '180d' */
  age?: Duration;
  /** Above this many entries a queue, its oldest resolved and discarded ones go. @default 100_000 */
  maxEntriesPerQueue?: number;
}

export const DEFAULT_DEAD_LETTER_RETENTION = { age: '180d', maxEntriesPerQueue: 100_000 } as const;

/** @throws ResilienceOptionsError with every problem at once */
export function readRetention(input: DeadLetterRetention | undefined) {
  const reader = new OptionsReader<DeadLetterRetention>(input, 'deadLetter > retention', ['age', 'maxEntriesPerQueue']);
  const { age, maxEntriesPerQueue } = DEFAULT_DEAD_LETTER_RETENTION;
  const retention = {
    ageMs: reader.duration('age', parseDuration(age) ?? 0),
    maxEntriesPerQueue: reader.number('maxEntriesPerQueue', maxEntriesPerQueue, { min: 1, integer: true }),
  };
  reader.finish();
  return retention;
}
