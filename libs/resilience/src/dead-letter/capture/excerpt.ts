import { cutFields, parseCutJson } from '../../engine/cut-json.js';
import { MAX_SHOWN_BYTES } from '../../engine/pages.js';
import type { DeadLetterRecord, StoredArgs } from '../dead-letter.entry.js';

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
  // Errors, attempts and notes are short, but for those that came with an import.
  return { ...cutFields(rest, MAX_SHOWN_BYTES), args: args.excerpt ? args : cutArgs(args) };
}

function cutArgs(args: StoredArgs): StoredArgs {
  const text = JSON.stringify(args);
  return args.blob !== undefined || Buffer.byteLength(text) > MAX_SHOWN_BYTES ? argsExcerpt(text) : args;
}
