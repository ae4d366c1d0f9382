import { parseCutJson } from '../engine/cut-json.js';
import { MAX_SHOWN_BYTES } from '../engine/pages.js';
import type { DeadLetterRecord, StoredArgs } from './dead-letter.entry.js';

/**
 * Of the JSON text of stored arguments, what a list shows.
 * @param text its beginning is enough
 */
export function argsExcerpt(text: string): StoredArgs {
  const cut = parseCutJson(text.slice(0, MAX_SHOWN_BYTES)) as Partial<StoredArgs>;
  const { encoding = 'superjson', json = [], meta, blob } = cut;
  // What stands before a blob is an excerpt made with care; of anything else the notes on types may be about values that are gone.
  const isWhole = blob !== undefined && meta !== undefined;
  return { encoding, json, ...(isWhole && { meta }), excerpt: true };
}

/** An entry as a list shows it: whatever is large in it is cut. */
export function excerptOf(record: DeadLetterRecord): DeadLetterRecord {
  const { args, ...rest } = record;
  return { ...cutFields(rest), args: args.excerpt ? args : cutArgs(args) };
}

function cutArgs(args: StoredArgs): StoredArgs {
  const text = JSON.stringify(args);
  return args.blob !== undefined || Buffer.byteLength(text) > MAX_SHOWN_BYTES ? argsExcerpt(text) : args;
}

/** Errors, attempts and notes are short, but for those that came with an import. */
function cutFields<T extends object>(fields: T): T {
  if (JSON.stringify(fields).length <= MAX_SHOWN_BYTES) return fields;
  const cut = Object.entries(fields).map(([name, value]) => {
    const text = JSON.stringify(value);
    return [name, text.length > MAX_SHOWN_BYTES ? parseCutJson(text.slice(0, MAX_SHOWN_BYTES)) : (value as unknown)];
  });
  return Object.fromEntries(cut) as T;
}
