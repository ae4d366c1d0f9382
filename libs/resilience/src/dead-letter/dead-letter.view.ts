import { messageOf } from '../engine/foreign-error.js';
import type { DeadLetterEntry, DeadLetterRecord, StoredArgs } from './dead-letter.entry.js';
import { decodeArgs, encodeArgs, maxUnpackedBytesOf, plainArgs } from './capture/serializer.js';
import type { DeadLetterCodec } from './dead-letter.options.js';

/** An entry over HTTP: `args` as plain JSON, `argsMeta` saying which of them are Dates, Maps and so on. */
export interface DeadLetterView extends Omit<DeadLetterEntry, 'args'> {
  readonly args: unknown;
  /** Send it back unchanged with edited `args` to keep their types. */
  readonly argsMeta?: unknown;
}

/** An entry for programs: with the arguments as the method would get them. */
export function entryOf(record: DeadLetterRecord, codec: DeadLetterCodec | undefined): DeadLetterEntry {
  return shown(record, (args) => ({ args: argsOf(args, codec) }));
}

export function viewOf(record: DeadLetterRecord, codec: DeadLetterCodec | undefined): DeadLetterView {
  return shown(record, (args) => {
    // What is stored has this form already; a custom one is known to nobody but its method.
    const { json, meta } =
      args.encoding === 'superjson'
        ? plainArgs(args, maxUnpackedBytesOf(codec))
        : encodeArgs(argsOf(args, codec), { redact: false, maxArgsBytes: Infinity }).args;
    return { args: json, ...(meta !== undefined && { argsMeta: meta }) };
  });
}

/** Only the whole of a custom form can be revived. */
function argsOf(args: StoredArgs, codec: DeadLetterCodec | undefined): readonly unknown[] {
  return args.excerpt && args.encoding === 'custom'
    ? [args.json]
    : decodeArgs(args, codec?.reviveArgs, maxUnpackedBytesOf(codec));
}

function shown<T>(record: DeadLetterRecord, read: (args: StoredArgs) => T) {
  const { args, ...rest } = record;
  const excerpt = args.excerpt && { excerpt: true };
  try {
    return { ...rest, ...excerpt, ...read(args) };
  } catch (error) {
    const why = `the stored arguments cannot be read: ${messageOf(error)}`;
    const notReplayable = [...rest.notReplayable, why];
    return { ...rest, ...excerpt, args: [args.json], replayable: false, notReplayable };
  }
}
