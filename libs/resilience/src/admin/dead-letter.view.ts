import type { DeadLetterEntry } from '../dead-letter/dead-letter.entry.js';
import { encodeArgs } from '../dead-letter/dead-letter.serializer.js';

/** An entry over HTTP: `args` as plain JSON, `argsMeta` saying which of them are Dates, Maps and so on. */
export interface DeadLetterView extends Omit<DeadLetterEntry, 'args'> {
  readonly args: unknown;
  /** Send it back unchanged with edited `args` to keep their types. */
  readonly argsMeta?: unknown;
}

export function viewOf({ args, ...rest }: DeadLetterEntry): DeadLetterView {
  const { json, meta } = encodeArgs(args, { redact: false, maxArgsBytes: Infinity }).args;
  return { ...rest, args: json, ...(meta !== undefined && { argsMeta: meta }) };
}
