import { option } from '@nest-resilience/core';
import type { Text } from './message-texts.js';
import { REDACTED_KINDS, type RedactedKind } from './redact.js';

/** What a guard of your own is told beside a text. */
export interface LlmGuarded {
  /** Whether the text goes to a model or comes from one. */
  readonly when: 'before' | 'after';
  /** Said, only thought, or on its way to or from a tool: there a name, a text or a number by itself, whose change the tool must understand. */
  readonly what: Text['what'];
  readonly tenant?: string;
  readonly signal?: AbortSignal;
}

/** Gives the text that goes on in its place, or nothing to let it pass. What it throws refuses the call. */
export type LlmGuardFunction = (
  text: string,
  about: LlmGuarded,
) => string | undefined | void | Promise<string | undefined | void>;

const KINDS = `true, or a list of ${REDACTED_KINDS.join(', ')} and of regular expressions`;
/** As files write them. */
const WRITTEN_PATTERN = /^\/(.+)\/([a-z]*)$/s;

export const GUARD = option.options({
  /** More characters refuse the call. Of a request: of all its texts together. */
  maxChars: option.whole(undefined, { min: 1 }),
  /** What is replaced; `true`: all that is known. A regular expression may be written as a text, `'/falcon/i'`. */
  redact: option.custom<
    boolean | readonly (RedactedKind | RegExp | `/${string}`)[],
    readonly (RedactedKind | RegExp)[]
  >(
    (value, at) => {
      if (typeof value === 'boolean') return value ? REDACTED_KINDS : [];
      if (!Array.isArray(value)) return at.refuse(value, KINDS);
      return value.flatMap((one: unknown, index) => redacted(one) ?? at.item(index).refuse(one, KINDS) ?? []);
    },
    {
      schema: {
        anyOf: [
          { type: 'boolean' },
          { type: 'array', items: { anyOf: [{ enum: REDACTED_KINDS }, { type: 'string', pattern: '^/.+/[a-z]*$' }] } },
        ],
      },
    },
  ),
  check: option.custom<LlmGuardFunction, LlmGuardFunction>((value, at) =>
    typeof value === 'function' ? (value as LlmGuardFunction) : at.refuse(value, 'a function (text, about) => text'),
  ),
});

export const GUARDS = option.options({
  /** Texts of requests, before they are sent. */
  before: option.orNone(GUARD),
  /** Texts of answers, before they are handed out. */
  after: option.orNone(GUARD),
});

/** Applied in this order: `maxChars`, `redact`, `check`. */
export interface LlmGuardOptions extends option.OptionsOf<typeof GUARD.spec> {}

export interface LlmGuardsOptions extends option.OptionsOf<typeof GUARDS.spec> {}

function redacted(one: unknown): RedactedKind | RegExp | undefined {
  if (one instanceof RegExp) return everywhere(one);
  if (typeof one !== 'string') return undefined;
  const [, source, flags] = WRITTEN_PATTERN.exec(one) ?? [];
  if (source === undefined) return REDACTED_KINDS.find((kind) => kind === one);
  try {
    return everywhere(new RegExp(source, flags));
  } catch {
    return undefined;
  }
}

function everywhere(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`);
}
