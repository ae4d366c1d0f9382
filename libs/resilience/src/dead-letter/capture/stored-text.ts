import { createHash } from 'node:crypto';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import type { DeadLetterFilter } from '../store/dead-letter.store.js';

/** Characters of a name that databases index: queue, target, name of an error. Longer ones belong to nothing that anybody wrote. */
export const MAX_STORED_NAME = 500;

/**
 * A text as every store keeps it, and as it is searched for: NUL and half of a surrogate pair, which PostgreSQL and UTF-8 refuse,
 * are U+FFFD.
 */
export function storedText(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, '\ufffd');
}

/** The same of a name; at most {@link MAX_STORED_NAME} characters. */
export function storedName(name: string): string {
  return storedText(name.slice(0, MAX_STORED_NAME));
}

/** A key as every store compares it: what {@link storedText} makes one of many keeps its number, so that different keys stay apart. */
export function storedKey(key: string): string {
  return key.replace(/[\0\ufffd\p{Surrogate}]/gu, (odd) => `\ufffd${odd.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same for a column that is indexed: of a longer key the end is hashed. */
export function indexedKey(key: string): string {
  const stored = storedKey(key);
  if (stored.length <= MAX_STORED_NAME) return stored;
  const hash = createHash('sha256').update(stored).digest('hex');
  // Not between the halves of a pair.
  return `${storedText(stored.slice(0, MAX_STORED_NAME - hash.length))}${hash}`;
}

/** What {@link storedText} makes of the key. */
export function shownKey(stored: string): string {
  return stored.replace(/\ufffd[0-9a-f]{4}/g, '\ufffd');
}

/** An id to look for. Ids are printable ASCII, and MySQL compares such a column with nothing else: any other character becomes the last of ASCII. */
export function storedId(id: string): string {
  return id.replace(/[^\x20-\x7e]/gu, '\x7f');
}

/** An entry as every store gives it back. */
export function storedRecord(record: DeadLetterRecord): DeadLetterRecord {
  const { traceparent, idempotencyKey, note } = record;
  return {
    ...record,
    ...{ queue: storedName(record.queue), target: storedName(record.target) },
    executionId: storedText(record.executionId),
    ...(traceparent !== undefined && { traceparent: storedText(traceparent) }),
    ...(idempotencyKey !== undefined && { idempotencyKey: storedText(idempotencyKey) }),
    ...(note !== undefined && { note: storedText(note) }),
  };
}

/** A filter in the terms of what is stored. Times are whole milliseconds there. */
export function storedFilter(filter: DeadLetterFilter): DeadLetterFilter {
  const { queue, target, errorName, from, to, text } = filter;
  return {
    ...filter,
    ...(queue !== undefined && { queue: storedName(queue) }),
    ...(target !== undefined && { target: storedName(target) }),
    ...(errorName !== undefined && { errorName: storedName(errorName) }),
    ...(from !== undefined && { from: wholeTime(from) }),
    ...(to !== undefined && { to: wholeTime(to) }),
    ...(text !== undefined && { text: storedText(text) }),
  };
}

/** How a text reads inside the JSON of arguments: `"` and NUL are escaped there. */
export function textInJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function wholeTime(time: number): number {
  return Math.min(Math.ceil(time), Number.MAX_SAFE_INTEGER);
}
