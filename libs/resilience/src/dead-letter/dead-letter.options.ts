import { OptionsReader } from '../engine/options.js';
import { parseRedactPath } from './redact-path.js';

/** Which failed calls become entries. `exhausted` also keeps calls that a fallback rescued, to redo them properly later. */
export type DeadLetterCapture = 'unrecovered' | 'exhausted';

/**
 * Decides for one value whether it must not be stored. `path` is where it stands, e.g. `args[0].card.number`;
 * asked once for every property, array item and Map value.
 */
export type RedactDecision = (path: string, value: unknown) => boolean;

/** What `@DeadLetter(options)` takes. */
export interface DeadLetterOptions {
  /** Name under which entries are listed. @default 'default' */
  queue?: string;
  /** @default 'unrecovered' */
  capture?: DeadLetterCapture;
  /** `false`: the call resolves to `undefined` once the entry is durable (message handlers that must ack). @default true */
  rethrow?: boolean;
  /** Your own form of the arguments; what it returns must survive JSON. Comes together with {@link reviveArgs}. */
  serializeArgs?: (args: readonly unknown[]) => unknown;
  /** Turns what {@link serializeArgs} returned back into the arguments of the method. */
  reviveArgs?: (stored: unknown) => unknown[];
  /**
   * What is never stored. Paths (`'[0].card.number'`, `'args[0].items[*].pin'`, `'**.iban'`) come on top of the keys
   * password, secret, token, authorization, api[-_]?key and cookie; a function decides alone; `false` stores everything.
   * @default those keys
   */
  redact?: readonly string[] | RedactDecision | false;
  /** A second failed call with the key of an entry still pending or redriving updates that entry. */
  idempotencyKey?: (...args: never[]) => string;
  /** Failed redrives until the entry is `poisoned`, which only a person moves. @default 5 */
  maxRedrives?: number;
  /**
   * Bytes of JSON that the arguments may take; longer ones are cut, and the entry cannot be replayed unless {@link blob} is on.
   * @default 65_536
   */
  maxArgsBytes?: number;
  /** Keeps arguments beyond {@link maxArgsBytes} whole, compressed, beside an excerpt that lists show. @default false */
  blob?: boolean;
  /** Bytes of JSON that a blob may hold before it is compressed, 64 MiB at most. @default 8_388_608 */
  maxBlobBytes?: number;
}

/** {@link DeadLetterOptions}, checked and with defaults. */
export interface ResolvedDeadLetterOptions {
  readonly queue: string;
  readonly capture: DeadLetterCapture;
  readonly rethrow: boolean;
  readonly serializeArgs: DeadLetterOptions['serializeArgs'];
  readonly reviveArgs: DeadLetterOptions['reviveArgs'];
  readonly redact: readonly string[] | RedactDecision | false;
  readonly idempotencyKey: DeadLetterOptions['idempotencyKey'];
  readonly maxRedrives: number;
  readonly maxArgsBytes: number;
  readonly blob: boolean;
  readonly maxBlobBytes: number;
}

/** How the arguments of one method are stored. */
export type DeadLetterCodec = Pick<ResolvedDeadLetterOptions, 'serializeArgs' | 'reviveArgs'> &
  Partial<Pick<ResolvedDeadLetterOptions, 'maxArgsBytes' | 'maxBlobBytes'>>;

/** Databases take no larger values without being told to. */
export const MAX_BLOB_BYTES = 67_108_864;

export const DEFAULT_DEAD_LETTER_OPTIONS: ResolvedDeadLetterOptions = {
  queue: 'default',
  capture: 'unrecovered',
  rethrow: true,
  serializeArgs: undefined,
  reviveArgs: undefined,
  redact: [],
  idempotencyKey: undefined,
  maxRedrives: 5,
  maxArgsBytes: 65_536,
  blob: false,
  maxBlobBytes: 8_388_608,
};

/**
 * Checks what was given to `@DeadLetter(...)`.
 * @param path where it was given, e.g. `OrderService.charge > @DeadLetter`
 * @throws ResilienceOptionsError with every problem at once
 */
export function readDeadLetterOptions(
  input: DeadLetterOptions | string | undefined,
  path: string,
): ResolvedDeadLetterOptions {
  const reader = new OptionsReader<DeadLetterOptions>(typeof input === 'string' ? { queue: input } : input, path, [
    'queue',
    'capture',
    'rethrow',
    'serializeArgs',
    'reviveArgs',
    'redact',
    'idempotencyKey',
    'maxRedrives',
    'maxArgsBytes',
    'blob',
    'maxBlobBytes',
  ]);
  const defaults = DEFAULT_DEAD_LETTER_OPTIONS;
  const options: ResolvedDeadLetterOptions = {
    queue: reader.string('queue', defaults.queue),
    capture: reader.oneOf('capture', defaults.capture, ['unrecovered', 'exhausted']),
    rethrow: reader.boolean('rethrow', defaults.rethrow),
    serializeArgs: reader.function<NonNullable<DeadLetterOptions['serializeArgs']>>('serializeArgs'),
    reviveArgs: reader.function<NonNullable<DeadLetterOptions['reviveArgs']>>('reviveArgs'),
    redact: readRedact(reader),
    idempotencyKey: reader.function<NonNullable<DeadLetterOptions['idempotencyKey']>>('idempotencyKey'),
    maxRedrives: reader.number('maxRedrives', defaults.maxRedrives, { min: 1, integer: true }),
    maxArgsBytes: reader.number('maxArgsBytes', defaults.maxArgsBytes, { min: 1024, integer: true }),
    blob: reader.boolean('blob', defaults.blob),
    maxBlobBytes: reader.number('maxBlobBytes', defaults.maxBlobBytes, {
      ...{ min: 1024, max: MAX_BLOB_BYTES, integer: true },
    }),
  };
  for (const [one, other] of [
    ['serializeArgs', 'reviveArgs'],
    ['reviveArgs', 'serializeArgs'],
  ] as const) {
    if (reader.raw(one) !== undefined && reader.raw(other) === undefined) {
      reader.problem(other, undefined, `a function, because ${one} is given: only both together can replay a call`);
    }
  }
  reader.finish();
  return options;
}

function readRedact(reader: OptionsReader<DeadLetterOptions>): ResolvedDeadLetterOptions['redact'] {
  const value = reader.raw('redact');
  if (value === undefined) return DEFAULT_DEAD_LETTER_OPTIONS.redact;
  if (value === false) return false;
  if (typeof value === 'function')
    return reader.function<RedactDecision>('redact') ?? DEFAULT_DEAD_LETTER_OPTIONS.redact;
  if (!Array.isArray(value)) {
    reader.problem('redact', value, "paths such as ['[0].card.number'], a function (path, value) => boolean, or false");
    return DEFAULT_DEAD_LETTER_OPTIONS.redact;
  }
  value.forEach((path: unknown, index) => {
    if (typeof path === 'string' && parseRedactPath(path) !== undefined) return;
    reader.problem(`redact[${index}]`, path, "a path such as '[0].card.number', 'args[0].items[*].pin' or '**.iban'");
  });
  return [...(value as string[])];
}
