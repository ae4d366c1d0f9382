import type { DeadLetterRecord, DeadLetterStatus } from './dead-letter.entry.js';
import type { DeadLetterFilter } from './dead-letter.store.js';

/** The statuses a filter names, `undefined` for any. */
export function statusesOf(filter: DeadLetterFilter): readonly DeadLetterStatus[] | undefined {
  if (filter.status === undefined) return undefined;
  return typeof filter.status === 'string' ? [filter.status] : filter.status;
}

/** What every store's query means, for those that filter in memory. */
export function matchesFilter(record: DeadLetterRecord, filter: DeadLetterFilter): boolean {
  const { queue, target, errorName, from, to, text } = filter;
  const statuses = statusesOf(filter);
  return (
    (queue === undefined || record.queue === queue) &&
    (statuses === undefined || statuses.includes(record.status)) &&
    (target === undefined || record.target === target) &&
    (errorName === undefined || record.error.name === errorName) &&
    (from === undefined || record.createdAt >= from) &&
    (to === undefined || record.createdAt < to) &&
    (text === undefined || containsText(record, text.toLowerCase()))
  );
}

function containsText(record: DeadLetterRecord, lowered: string): boolean {
  return [record.error.message, record.target, JSON.stringify(record.args.json), record.note ?? ''].some((field) =>
    field.toLowerCase().includes(lowered),
  );
}
