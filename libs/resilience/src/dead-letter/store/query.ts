import * as option from '../../engine/option/index.js';
import { oneOfText } from '../../engine/options.js';
import { CURSOR_EXPECTED, isCursor } from '../../engine/pages.js';
import { DEAD_LETTER_STATUSES, type DeadLetterStatus } from '../dead-letter.entry.js';
import { type DeadLetterFilter, type DeadLetterQuery, MAX_PAGE_LIMIT } from './dead-letter.store.js';

type Statuses = readonly DeadLetterStatus[];

const FILTER = option.options({
  queue: option.text(),
  status: option.custom<DeadLetterStatus | Statuses, DeadLetterStatus[]>((value, at) => {
    const statuses = [value].flat() as DeadLetterStatus[];
    for (const status of statuses)
      if (!DEAD_LETTER_STATUSES.includes(status)) at.refuse(status, oneOfText(DEAD_LETTER_STATUSES, status));
    return statuses;
  }),
  target: option.text(),
  errorName: option.text(),
  from: option.number(undefined, { min: 0 }),
  to: option.number(undefined, { min: 0 }),
  text: option.text(),
});

const QUERY = option.options({
  ...FILTER.spec,
  limit: option.whole(undefined, { min: 1, max: MAX_PAGE_LIMIT }),
  // One that came damaged would begin again at the first page, or end at an empty one.
  cursor: option.custom<string, string>((value, at) => (isCursor(value) ? value : at.refuse(value, CURSOR_EXPECTED))),
  order: option.oneOf('newest', ['newest', 'oldest']),
});

/** @throws ResilienceOptionsError with every problem at once */
export function readFilter(input: DeadLetterFilter | undefined, path: string): DeadLetterFilter {
  return withoutUndefined(option.read(FILTER, input, path));
}

/** @throws ResilienceOptionsError with every problem at once */
export function readQuery(input: DeadLetterQuery | undefined, path: string): DeadLetterQuery {
  return withoutUndefined(option.read(QUERY, input, path));
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
}
