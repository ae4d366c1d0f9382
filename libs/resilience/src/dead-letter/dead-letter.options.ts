import * as option from '../engine/option/index.js';
import { parseRedactPath } from './capture/redact-path.js';

/** Which failed calls become entries. `exhausted` also keeps calls that a fallback rescued, to redo them properly later. */
export type DeadLetterCapture = 'unrecovered' | 'exhausted';

/**
 * Decides for one value whether it must not be stored. `path` is where it stands, e.g. `args[0].card.number`;
 * asked once for every property, array item and Map value.
 */
export type RedactDecision = (path: string, value: unknown) => boolean;

type Redact = readonly string[] | RedactDecision | false;

/** Databases take no larger values without being told to. */
export const MAX_BLOB_BYTES = 67_108_864;

export const DEAD_LETTER = option.options(
  {
    /** Name under which entries are listed. @default 'default' */
    queue: option.text('default'),
    /** @default 'unrecovered' */
    capture: option.oneOf<DeadLetterCapture, 'unrecovered'>('unrecovered', ['unrecovered', 'exhausted']),
    /** `false`: the call resolves to `undefined` once the entry is durable (message handlers that must ack). @default true */
    rethrow: option.flag(true),
    /** Your own form of the arguments; what it returns must survive JSON. Comes together with `reviveArgs`. */
    serializeArgs: option.fn<(args: readonly unknown[]) => unknown>(),
    /** Turns what `serializeArgs` returned back into the arguments of the method. */
    reviveArgs: option.fn<(stored: unknown) => unknown[]>(),
    /**
     * What is never stored. Paths (`'[0].card.number'`, `'args[0].items[*].pin'`, `'**.iban'`) come on top of the keys
     * password, secret, token, authorization, api[-_]?key and cookie; a function decides alone; `false` stores everything.
     * @default those keys
     */
    redact: option.either(
      option.custom<Redact, Redact, readonly []>(readRedact, { fallback: [], default: [] }),
      option.fn<RedactDecision>(),
    ),
    /** A second failed call with the key of an entry still pending or redriving updates that entry. */
    idempotencyKey: option.fn<(...args: never[]) => string>(),
    /** Failed redrives until the entry is `poisoned`, which only a person moves. @default 5 */
    maxRedrives: option.whole(5, { min: 1 }),
    /**
     * Bytes of JSON that the arguments may take; longer ones are cut, and the entry cannot be replayed unless `blob` is on.
     * @default 65_536
     */
    maxArgsBytes: option.whole(65_536, { min: 1024 }),
    /** Keeps arguments beyond `maxArgsBytes` whole, compressed, beside an excerpt that lists show. @default false */
    blob: option.flag(false),
    /** Bytes of JSON that a blob may hold before it is compressed, 64 MiB at most. @default 8_388_608 */
    maxBlobBytes: option.whole(8_388_608, { min: 1024, max: MAX_BLOB_BYTES }),
  },
  {
    shorthand: 'queue',
    check: ({ given, at }) => {
      if ((given.serializeArgs === undefined) === (given.reviveArgs === undefined)) return;
      const [one, other] = given.serializeArgs ? ['serializeArgs', 'reviveArgs'] : ['reviveArgs', 'serializeArgs'];
      at.at(other).refuse(undefined, `a function, because ${one} is given: only both together can replay a call`);
    },
  },
);

/** What `@DeadLetter(options)` takes. */
export interface DeadLetterOptions extends option.OptionsOf<typeof DEAD_LETTER.spec> {}

/** {@link DeadLetterOptions}, checked and with defaults. */
export interface ResolvedDeadLetterOptions extends option.ResolvedOf<typeof DEAD_LETTER.spec> {}

/** How the arguments of one method are stored. */
export type DeadLetterCodec = Pick<ResolvedDeadLetterOptions, 'serializeArgs' | 'reviveArgs'> &
  Partial<Pick<ResolvedDeadLetterOptions, 'maxArgsBytes' | 'maxBlobBytes'>>;

export const DEFAULT_DEAD_LETTER_OPTIONS: ResolvedDeadLetterOptions = DEAD_LETTER.fallback;

/**
 * Checks what was given to `@DeadLetter(...)`; the path says where, e.g. `OrderService.charge > @DeadLetter`.
 * @throws ResilienceOptionsError with every problem at once
 */
export const readDeadLetterOptions = option.readerOf(DEAD_LETTER);

function readRedact(value: unknown, at: option.Place): Redact | undefined {
  if (value === false) return false;
  if (!Array.isArray(value))
    return at.refuse(value, "paths such as ['[0].card.number'], a function (path, value) => boolean, or false");
  value.forEach((path: unknown, index) => {
    if (typeof path === 'string' && parseRedactPath(path) !== undefined) return;
    at.item(index).refuse(path, "a path such as '[0].card.number', 'args[0].items[*].pin' or '**.iban'");
  });
  return [...(value as string[])];
}
