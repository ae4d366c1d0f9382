import { atOnce } from '../engine/at-once.js';
import type { ResolvedDeadLetterOptions } from './dead-letter.options.js';
import { matchesRedactPath, parseRedactPath, type RedactPath } from './redact-path.js';
import { isSecretKey, TextRedactor } from './redact-text.js';

export { REDACTED } from './redact-text.js';

/** Decides what must not be stored, and takes secrets out of messages. */
export interface Redactor {
  /** @param place the way to the value, first the argument's index */
  isSecret(place: readonly string[], value: unknown): boolean;
  /** Whether secrets are also sought inside of texts and bytes, and beside their names. */
  readonly readsValues: boolean;
  /**
   * @param known secret values of the same call, removed wherever the text repeats them
   * @param found is told what was taken out
   */
  text(text: string, known?: Iterable<string>, found?: (secret: string) => void): string;
}

const cleanText: Redactor['text'] = (text, known, found) => new TextRedactor(known, found).clean(text);

export function createRedactor(redact: ResolvedDeadLetterOptions['redact']): Redactor {
  if (redact === false) return { isSecret: () => false, readsValues: false, text: (text) => text };
  if (typeof redact === 'function') return { isSecret: byDecision(redact), readsValues: false, text: cleanText };
  return { isSecret: byPlace(redact), readsValues: true, text: cleanText };
}

function byDecision(decide: (path: string, value: unknown) => boolean): Redactor['isSecret'] {
  return (place, value) => atOnce(decide(describePlace(place), value), '@DeadLetter > redact');
}

function byPlace(paths: readonly string[]): Redactor['isSecret'] {
  const patterns = paths.map(parseRedactPath).filter((path): path is RedactPath => path !== undefined);
  return (place) => {
    const key = place.at(-1);
    // The first segment is an argument's index, not a key.
    if (place.length > 1 && key !== undefined && isSecretKey(key)) return true;
    return patterns.some((pattern) => matchesRedactPath(pattern, place));
  };
}

/** `['0', 'card', 'number']` -> `args[0].card.number`. */
export function describePlace(place: readonly string[]): string {
  return place.reduce((text, segment) => text + (/^\d+$/.test(segment) ? `[${segment}]` : `.${segment}`), 'args');
}
