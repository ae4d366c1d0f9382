import { OptionsReader, oneOfText } from '../engine/options.js';
import { CURSOR_EXPECTED, isCursor } from '../engine/pages.js';
import { DEAD_LETTER_STATUSES, type DeadLetterStatus } from './dead-letter.entry.js';
import { type DeadLetterFilter, type DeadLetterQuery, MAX_PAGE_LIMIT } from './dead-letter.store.js';

const FILTER_NAMES = ['queue', 'status', 'target', 'errorName', 'from', 'to', 'text'] as const;

/** @throws ResilienceOptionsError with every problem at once */
export function readFilter(input: DeadLetterFilter | undefined, path: string): DeadLetterFilter {
  const reader = new OptionsReader<DeadLetterFilter>(input, path, FILTER_NAMES);
  const filter = filterOf(reader);
  reader.finish();
  return filter;
}

/** @throws ResilienceOptionsError with every problem at once */
export function readQuery(input: DeadLetterQuery | undefined, path: string): DeadLetterQuery {
  const reader = new OptionsReader<DeadLetterQuery>(input, path, [...FILTER_NAMES, 'limit', 'cursor', 'order']);
  const query = withoutUndefined({
    ...filterOf(reader as OptionsReader<DeadLetterFilter>),
    limit: reader.number('limit', undefined, { min: 1, max: MAX_PAGE_LIMIT, integer: true }),
    cursor: readCursor(reader),
    order: reader.oneOf('order', 'newest', ['newest', 'oldest']),
  });
  reader.finish();
  return query;
}

/** One that came damaged would begin again at the first page, or end at an empty one. */
function readCursor(reader: OptionsReader<DeadLetterQuery>): string | undefined {
  const cursor = reader.string('cursor', undefined);
  if (cursor !== undefined && !isCursor(cursor)) reader.problem('cursor', cursor, CURSOR_EXPECTED);
  return cursor;
}

function filterOf(reader: OptionsReader<DeadLetterFilter>): DeadLetterFilter {
  return withoutUndefined({
    queue: reader.string('queue', undefined),
    status: readStatus(reader),
    target: reader.string('target', undefined),
    errorName: reader.string('errorName', undefined),
    from: reader.number('from', undefined, { min: 0 }),
    to: reader.number('to', undefined, { min: 0 }),
    text: reader.string('text', undefined),
  });
}

function readStatus(reader: OptionsReader<DeadLetterFilter>): DeadLetterStatus[] | undefined {
  const value = reader.raw('status');
  if (value === undefined) return undefined;
  const statuses: unknown[] = Array.isArray(value) ? value : [value];
  for (const status of statuses) {
    if (DEAD_LETTER_STATUSES.includes(status as DeadLetterStatus)) continue;
    reader.problem('status', status, oneOfText(DEAD_LETTER_STATUSES, status));
  }
  return statuses as DeadLetterStatus[];
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
}
