import type { DeadLetterRecord, DeadLetterStatus } from '../dead-letter.entry.js';
import type { DeadLetterFilter } from './dead-letter.store.js';
import { storedFilter, storedName, storedText, textInJson } from '../capture/stored-text.js';

/** The statuses a filter names, `undefined` for any. */
export function statusesOf(filter: DeadLetterFilter): readonly DeadLetterStatus[] | undefined {
  if (filter.status === undefined) return undefined;
  return typeof filter.status === 'string' ? [filter.status] : filter.status;
}

/** What every store's query means, for those that filter in memory. */
export function matchesFilter(record: DeadLetterRecord, filter: DeadLetterFilter): boolean {
  const { queue, target, errorName, from, to, text } = storedFilter(filter);
  const statuses = statusesOf(filter);
  return (
    (queue === undefined || record.queue === queue) &&
    (statuses === undefined || statuses.includes(record.status)) &&
    (target === undefined || record.target === target) &&
    (errorName === undefined || storedName(record.error.name) === errorName) &&
    (from === undefined || record.createdAt >= from) &&
    (to === undefined || record.createdAt < to) &&
    (text === undefined || containsText(record, text, filter.text ?? ''))
  );
}

function containsText(record: DeadLetterRecord, text: string, asked: string): boolean {
  const args = JSON.stringify(record.args.json);
  const texts = [storedText(record.error.message), record.target, args, record.note ?? ''];
  return texts.some((field) => includes(field, text)) || includes(args, textInJson(asked));
}

function includes(field: string, text: string): boolean {
  return field.toLowerCase().includes(text.toLowerCase());
}
