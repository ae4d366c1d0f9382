import { atOnce } from '../../engine/at-once.js';
import { messageOf } from '../../engine/foreign-error.js';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { DeadLetterRecord, StoredArgs } from '../dead-letter.entry.js';
import {
  type DeadLetterCodec,
  DEFAULT_DEAD_LETTER_OPTIONS,
  MAX_BLOB_BYTES,
  type ResolvedDeadLetterOptions,
} from '../dead-letter.options.js';
import { createRedactor, REDACTED, type Redactor } from './redact.js';
import { snapshotArgs, type SnapshotLimits } from './snapshot.js';
import { type Snapshot, TooLarge } from './snapshot-record.js';
import { refuseUnsafeKeys, reviveSuperjson, superjson } from './superjson.js';

/** The arguments' part of an entry, and the secrets to keep out of the rest of it. */
export interface EncodedArgs extends Pick<DeadLetterRecord, 'args' | 'replayable' | 'notReplayable' | 'redacted'> {
  readonly secrets: ReadonlySet<string>;
}

type EncodeOptions = Pick<ResolvedDeadLetterOptions, 'maxArgsBytes' | 'redact'> &
  Partial<Pick<ResolvedDeadLetterOptions, 'serializeArgs' | 'blob' | 'maxBlobBytes'>>;

/** Deeper ones exhaust the stack of a recursive serialiser before they reach the size limit. */
const MAX_DEPTH = 200;

/** How large the arguments of a method may be, and those of a method that is not known here. Bytes of JSON. */
export function maxArgsBytesOf(codec: DeadLetterCodec | undefined): number {
  const { maxArgsBytes, maxBlobBytes } = { ...DEFAULT_DEAD_LETTER_OPTIONS, ...codec };
  return Math.max(maxArgsBytes, maxBlobBytes);
}

/** What a blob may hold: that of a method whose limit was lowered since, at least what is usual. */
export function maxUnpackedBytesOf(codec: DeadLetterCodec | undefined): number {
  return Math.max(maxArgsBytesOf(codec), DEFAULT_DEAD_LETTER_OPTIONS.maxBlobBytes);
}

const NO_LIST = 'The stored arguments are not a list';

const WHOLE: Omit<SnapshotLimits, 'budget'> = { stringLength: Infinity, items: Infinity, depth: MAX_DEPTH };

/** Tried in turn when the whole does not fit: enough for a person to recognise the call. */
const CUTS: readonly Omit<SnapshotLimits, 'budget'>[] = [
  { stringLength: 2_000, items: 50, depth: 8 },
  { stringLength: 300, items: 10, depth: 4 },
  { stringLength: 100, items: 5, depth: 2 },
];

/** Arguments in the form that is kept. Never throws: what cannot be kept is marked, and the entry is not replayable then. */
export function encodeArgs(args: readonly unknown[], options: EncodeOptions): EncodedArgs {
  const redactor = createRedactor(options.redact);
  try {
    return options.serializeArgs
      ? encodeCustom(atOnce(options.serializeArgs(args), '@DeadLetter > serializeArgs'), redactor, options)
      : encodeStructured(args, redactor, options);
  } catch (error) {
    const message = redactor.text(messageOf(error));
    const why = `the arguments could not be serialised: ${message}`;
    return {
      args: { encoding: 'superjson', json: [] },
      ...{ replayable: false, notReplayable: [why], redacted: [], secrets: new Set() },
    };
  }
}

/**
 * The arguments as the method would get them.
 * @param maxBytes what a blob may hold
 * @throws Error when the stored form is damaged or hostile
 */
export function decodeArgs(
  stored: StoredArgs,
  reviveArgs?: ResolvedDeadLetterOptions['reviveArgs'],
  maxBytes = MAX_BLOB_BYTES,
): readonly unknown[] {
  const { json, meta } = unpacked(stored, maxBytes);
  if (stored.encoding === 'custom') {
    return reviveArgs ? atOnce(reviveArgs(JSON.parse(JSON.stringify(json))), '@DeadLetter > reviveArgs') : [json];
  }
  const args = reviveSuperjson({ json, ...(meta !== undefined && { meta }) });
  if (!Array.isArray(args)) throw new Error(NO_LIST);
  return args as unknown[];
}

/**
 * The arguments in their structured form, for the wire.
 * @throws Error when the stored form is damaged or hostile
 */
export function plainArgs(
  stored: StoredArgs,
  maxBytes = MAX_BLOB_BYTES,
): { readonly json: unknown; readonly meta?: unknown } {
  const plain = unpacked(stored, maxBytes);
  refuseUnsafeKeys(plain.json);
  refuseUnsafeKeys(plain.meta);
  if (!Array.isArray(plain.json)) throw new Error(NO_LIST);
  return plain;
}

function encodeStructured(args: readonly unknown[], redactor: Redactor, options: EncodeOptions): EncodedArgs {
  const { maxArgsBytes, blob = false, maxBlobBytes = Infinity } = options;
  const secrets = new Set<string>();
  const whole = tryEncode(args, redactor, maxArgsBytes, WHOLE, secrets);
  if (whole) return whole;
  const packed = blob ? tryEncode(args, redactor, maxBlobBytes, WHOLE, secrets) : undefined;
  const excerpt = encodeExcerpt(args, redactor, maxArgsBytes, secrets);
  if (packed) return { ...packed, args: { ...excerpt.args, blob: pack(packed.args) } };
  const limit = blob ? `maxBlobBytes (${maxBlobBytes} bytes)` : `maxArgsBytes (${maxArgsBytes} bytes)`;
  const tooLarge = `the arguments are larger than ${limit}`;
  return { ...excerpt, replayable: false, notReplayable: [tooLarge, ...excerpt.notReplayable] };
}

function encodeExcerpt(
  args: readonly unknown[],
  redactor: Redactor,
  maxBytes: number,
  secrets: Set<string>,
): EncodedArgs {
  for (const cut of CUTS) {
    const encoded = tryEncode(args, redactor, maxBytes, cut, secrets);
    if (encoded) return encoded;
  }
  return {
    args: { encoding: 'superjson', json: [`[${args.length} arguments, too large to show]`] },
    ...{ replayable: false, notReplayable: [], redacted: [], secrets },
  };
}

function tryEncode(
  args: readonly unknown[],
  redactor: Redactor,
  maxBytes: number,
  limits: Omit<SnapshotLimits, 'budget'>,
  secrets: Set<string>,
): EncodedArgs | undefined {
  try {
    const snapshot = snapshotArgs(args, redactor, { ...limits, budget: maxBytes }, secrets);
    const { json, meta } = superjson.serialize(snapshot.args);
    const stored: StoredArgs = { encoding: 'superjson', json, ...(meta && { meta }) };
    const text = JSON.stringify(stored);
    if (Buffer.byteLength(text) > maxBytes) return undefined;
    // Through JSON once: now, and not in the store, is the time to find out what JSON would drop.
    return describe(JSON.parse(text) as StoredArgs, snapshot);
  } catch (error) {
    if (error instanceof TooLarge) return undefined;
    throw error;
  }
}

function encodeCustom(form: unknown, redactor: Redactor, options: EncodeOptions): EncodedArgs {
  const plain: unknown = JSON.parse(JSON.stringify(form) ?? 'null');
  const encoded = encodeStructured([plain], redactor, options);
  const { json, blob } = encoded.args;
  const only = (list: unknown): unknown => (list as unknown[])[0];
  const packed =
    blob === undefined ? {} : { blob: pack({ encoding: 'custom', json: only(unpack(blob, MAX_BLOB_BYTES).json) }) };
  return { ...encoded, args: { encoding: 'custom', json: only(json), ...packed } };
}

/** Fast rather than small: a call that failed waits for it. */
function pack({ json, meta }: StoredArgs): string {
  return gzipSync(JSON.stringify({ json, meta }), { level: 1 }).toString('base64');
}

function unpacked({ json, meta, blob }: StoredArgs, maxBytes: number): { json: unknown; meta?: unknown } {
  return blob === undefined ? { json, meta } : unpack(blob, maxBytes);
}

/** @throws Error also when it is larger than it may be: then it was not made here */
function unpack(blob: string, maxBytes: number): { json: unknown; meta?: unknown } {
  try {
    const text = gunzipSync(Buffer.from(blob, 'base64'), { maxOutputLength: maxBytes }).toString();
    return JSON.parse(text) as { json: unknown; meta?: unknown };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw new Error(`their blob holds more than ${maxBytes} bytes; raise maxBlobBytes of their method`, {
      cause: error,
    });
  }
}

function describe(args: StoredArgs, { lost, redacted: places, secrets }: Snapshot): EncodedArgs {
  const redacted = [...new Set(places)];
  const notReplayable = [...lost];
  if (redacted.length > 0) notReplayable.push(`${redacted.join(', ')} was left out as secret (${REDACTED})`);
  return { args, replayable: notReplayable.length === 0, notReplayable, redacted, secrets };
}
