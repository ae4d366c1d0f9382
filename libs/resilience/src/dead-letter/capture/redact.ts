import { atOnce } from '../../engine/at-once.js';
import { withoutKnownSecrets } from '../../engine/redaction/known-secrets.js';
import { REDACTED } from '../../engine/redaction/redacted.js';
import { isSecretKey } from '../../engine/redaction/secret-names.js';
import { TextRedactor } from '../../engine/redaction/text-redactor.js';
import type { ResolvedDeadLetterOptions } from '../dead-letter.options.js';
import { matchesRedactPath, parseRedactPath, type RedactPath } from './redact-path.js';

export { REDACTED };

/** Decides what must not be stored, and takes secrets out of messages. */
export interface Redactor {
  /** @param place the way to the value, first the argument's index */
  isSecret(place: readonly string[], value: unknown): boolean;
  /** Whether secrets are also sought inside of texts and bytes, and beside their names. */
  readonly readsValues: boolean;
  /**
   * Of messages, which only people read.
   * @param known secret values of the same call, removed wherever the text repeats them
   * @param found is told what was taken out
   */
  text(text: string, known?: Iterable<string>, found?: (secret: string) => void): string;
  /** Of arguments: less is taken for a secret, because an entry without it cannot be replayed. */
  argument(text: string, known?: Iterable<string>, found?: (secret: string) => void): string;
}

const clean = {
  text: (text, known, found) => new TextRedactor('all', known, found).clean(text),
  argument: (text, known, found) => new TextRedactor('firm', known, found).clean(text),
} satisfies Pick<Redactor, 'text' | 'argument'>;

export function createRedactor(redact: ResolvedDeadLetterOptions['redact']): Redactor {
  if (redact === false)
    return {
      isSecret: () => false,
      readsValues: false, // What the configuration holds is in no message, whatever a method wants to keep.
      text: withoutKnownSecrets,
      argument: (text) => text,
    };
  if (typeof redact === 'function') return { isSecret: byDecision(redact), readsValues: false, ...clean };
  return { isSecret: byPlace(redact), readsValues: true, ...clean };
}

function byDecision(decide: (path: string, value: unknown) => boolean): Redactor['isSecret'] {
  return (place, value) => atOnce(decide(describePlace(place), value), '@DeadLetter > redact');
}

function byPlace(paths: readonly string[]): Redactor['isSecret'] {
  const patterns = paths.map(parseRedactPath).filter((path): path is RedactPath => path !== undefined);
  return (place, value) => {
    const key = place.at(-1);
    // The first segment is an argument's index, not a key.
    if (place.length > 1 && key !== undefined && isSecretKey(key, value)) return true;
    return patterns.some((pattern) => matchesRedactPath(pattern, place));
  };
}

/** `['0', 'card', 'number']` -> `args[0].card.number`. */
export function describePlace(place: readonly string[]): string {
  return place.reduce((text, segment) => text + (/^\d+$/.test(segment) ? `[${segment}]` : `.${segment}`), 'args');
}
