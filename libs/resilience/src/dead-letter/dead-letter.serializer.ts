import type { DeadLetterRecord, StoredArgs } from './dead-letter.entry.js';
import type { ResolvedDeadLetterOptions } from './dead-letter.options.js';
import { createRedactor, REDACTED, type Redactor } from './dead-letter.redact.js';
import { type Snapshot, snapshotArgs, type SnapshotLimits, TooLarge } from './dead-letter.snapshot.js';
import { reviveSuperjson, superjson } from './superjson.js';

/** The arguments' part of an entry, and the secrets to keep out of the rest of it. */
export interface EncodedArgs extends Pick<DeadLetterRecord, 'args' | 'replayable' | 'notReplayable' | 'redacted'> {
  readonly secrets: ReadonlySet<string>;
}

type EncodeOptions = Pick<ResolvedDeadLetterOptions, 'maxArgsBytes' | 'redact'> &
  Partial<Pick<ResolvedDeadLetterOptions, 'serializeArgs'>>;

/** Deeper ones exhaust the stack of a recursive serialiser before they reach the size limit. */
const MAX_DEPTH = 200;

/** Tried in turn when the whole does not fit: enough for a person to recognise the call. */
const CUTS: readonly Omit<SnapshotLimits, 'budget'>[] = [
  { stringLength: 2_000, items: 50, depth: 8 },
  { stringLength: 300, items: 10, depth: 4 },
  { stringLength: 100, items: 5, depth: 2 },
];

/** Arguments in the form that is kept. Never throws: what cannot be kept is marked, and the entry is not replayable then. */
export function encodeArgs(args: readonly unknown[], options: EncodeOptions): EncodedArgs {
  try {
    const redactor = createRedactor(options.redact);
    return options.serializeArgs
      ? encodeCustom(options.serializeArgs(args), redactor, options.maxArgsBytes)
      : encodeStructured(args, redactor, options.maxArgsBytes);
  } catch (error) {
    const why = `the arguments could not be serialised: ${error instanceof Error ? error.message : String(error)}`;
    return {
      args: { encoding: 'superjson', json: [] },
      ...{ replayable: false, notReplayable: [why], redacted: [], secrets: new Set() },
    };
  }
}

/**
 * The arguments as the method would get them.
 * @throws Error when the stored form is damaged or hostile
 */
export function decodeArgs(
  stored: StoredArgs,
  reviveArgs?: ResolvedDeadLetterOptions['reviveArgs'],
): readonly unknown[] {
  if (stored.encoding === 'custom')
    return reviveArgs ? reviveArgs(JSON.parse(JSON.stringify(stored.json))) : [stored.json];
  const args = reviveSuperjson({ json: stored.json, ...(stored.meta !== undefined && { meta: stored.meta }) });
  if (!Array.isArray(args)) throw new Error('The stored arguments are not a list');
  return args as unknown[];
}

function encodeStructured(args: readonly unknown[], redactor: Redactor, maxBytes: number): EncodedArgs {
  const whole = tryEncode(args, redactor, maxBytes, { stringLength: Infinity, items: Infinity, depth: MAX_DEPTH });
  if (whole) return whole;
  const tooLarge = `the arguments are larger than maxArgsBytes (${maxBytes} bytes)`;
  for (const cut of CUTS) {
    const encoded = tryEncode(args, redactor, maxBytes, cut);
    if (encoded) return { ...encoded, replayable: false, notReplayable: [tooLarge, ...encoded.notReplayable] };
  }
  return {
    args: { encoding: 'superjson', json: [`[${args.length} arguments, too large to show]`] },
    ...{ replayable: false, notReplayable: [tooLarge], redacted: [], secrets: new Set() },
  };
}

function tryEncode(
  args: readonly unknown[],
  redactor: Redactor,
  maxBytes: number,
  limits: Omit<SnapshotLimits, 'budget'>,
): EncodedArgs | undefined {
  try {
    const snapshot = snapshotArgs(args, redactor, { ...limits, budget: maxBytes });
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

function encodeCustom(form: unknown, redactor: Redactor, maxBytes: number): EncodedArgs {
  const json: unknown = JSON.parse(JSON.stringify(form) ?? 'null');
  const encoded = encodeStructured([json], redactor, maxBytes);
  return { ...encoded, args: { encoding: 'custom', json: (encoded.args.json as unknown[])[0] } };
}

function describe(args: StoredArgs, { lost, redacted, secrets }: Snapshot): EncodedArgs {
  const notReplayable = [...lost];
  if (redacted.length > 0) notReplayable.push(`${redacted.join(', ')} was left out as secret (${REDACTED})`);
  return { args, replayable: notReplayable.length === 0, notReplayable, redacted, secrets };
}

/** Whether arguments that a person edited still hold the mark of a value that was never stored. */
export function holdsRedacted(stored: StoredArgs): boolean {
  return JSON.stringify(stored.json)?.includes(JSON.stringify(REDACTED)) ?? false;
}
