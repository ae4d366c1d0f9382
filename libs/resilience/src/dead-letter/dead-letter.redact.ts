import type { ResolvedDeadLetterOptions } from './dead-letter.options.js';
import { matchesRedactPath, parseRedactPath, type RedactPath } from './redact-path.js';

/** What stands in the place of a value that must not be stored. */
export const REDACTED = '[redacted]';

const SECRET_WORDS = 'password|secret|token|authorization|api[-_]?key|cookie';
const SECRET_KEY = new RegExp(SECRET_WORDS, 'i');

/** `password=x`, `"apiKey": "x"`, `Authorization: Bearer x`: the value goes, the name stays so that the message keeps its sense. */
const SECRET_IN_TEXT = new RegExp(
  `((?:${SECRET_WORDS})[\\w-]*["']?\\s*[=:]\\s*)("[^"]*"|'[^']*'|(?:(?:bearer|basic)\\s+)?[^\\s,;&"')}\\]]+)`,
  'gi',
);
const BEARER_IN_TEXT = /\b(bearer\s+)[\w.~+/=-]{8,}/gi;
const CREDENTIALS_IN_URL = /(\b[a-z][\w+.-]*:\/\/[^\s:/@]*:)[^\s@/]+@/gi;

/** Shorter ones ("yes", "1234") would blank innocent words of a message. */
const SHORTEST_SECRET_SOUGHT_IN_TEXT = 6;

/** Decides what must not be stored, and takes secrets out of messages. */
export interface Redactor {
  /** @param place the way to the value, first the argument's index */
  isSecret(place: readonly string[], value: unknown): boolean;
  /** @param known secret values of the same call, removed wherever the text repeats them */
  text(text: string, known?: Iterable<string>): string;
}

export function createRedactor(redact: ResolvedDeadLetterOptions['redact']): Redactor {
  if (redact === false) return { isSecret: () => false, text: (text) => text };
  return { isSecret: typeof redact === 'function' ? byDecision(redact) : byPlace(redact), text: redactText };
}

function byDecision(decide: (path: string, value: unknown) => boolean): Redactor['isSecret'] {
  return (place, value) => decide(describePlace(place), value);
}

function byPlace(paths: readonly string[]): Redactor['isSecret'] {
  const patterns = paths.map(parseRedactPath).filter((path): path is RedactPath => path !== undefined);
  return (place) => {
    const key = place.at(-1);
    // The first segment is an argument's index, not a key.
    if (place.length > 1 && key !== undefined && SECRET_KEY.test(key)) return true;
    return patterns.some((pattern) => matchesRedactPath(pattern, place));
  };
}

function redactText(text: string, known: Iterable<string> = []): string {
  let clean = text
    .replace(SECRET_IN_TEXT, `$1${REDACTED}`)
    .replace(BEARER_IN_TEXT, `$1${REDACTED}`)
    .replace(CREDENTIALS_IN_URL, `$1${REDACTED}@`);
  for (const secret of known) {
    if (secret.length >= SHORTEST_SECRET_SOUGHT_IN_TEXT) clean = clean.replaceAll(secret, REDACTED);
  }
  return clean;
}

/** `['0', 'card', 'number']` -> `args[0].card.number`. */
export function describePlace(place: readonly string[]): string {
  return place.reduce((text, segment) => text + (/^\d+$/.test(segment) ? `[${segment}]` : `.${segment}`), 'args');
}
