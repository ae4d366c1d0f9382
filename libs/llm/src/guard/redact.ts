import { redactText } from '@nest-resilience/core';

export const REDACTED_KINDS = ['email', 'card', 'iban', 'secret'] as const;

/** What is replaced: addresses, numbers of cards and accounts that their check digits prove, and keys and tokens. */
export type RedactedKind = (typeof REDACTED_KINDS)[number];

export interface Redacted {
  readonly text: string;
  /** How many places were replaced. */
  readonly count: number;
}

/** The lengths are those of RFC 5321: without them each character of a long word would begin a search of its own. */
const EMAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g;
const CARD = /(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])/g;
const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b/g;

/** Replaces what is of these kinds by its name, e.g. `[email]`, and what matches the patterns by `[redacted]`. */
export function redact(text: string, kinds: readonly RedactedKind[], patterns: readonly RegExp[]): Redacted {
  let count = 0;
  let read = text;
  const replace = (pattern: RegExp, by: string, isOne = (_found: string) => true) => {
    read = read.replace(pattern, (found) => {
      if (found === '' || !isOne(found)) return found;
      count++;
      return by;
    });
  };
  for (const pattern of patterns) replace(pattern, '[redacted]');
  if (kinds.includes('email')) replace(EMAIL, '[email]');
  if (kinds.includes('iban')) replace(IBAN, '[iban]', isIban);
  if (kinds.includes('card')) replace(CARD, '[card]', isCard);
  if (kinds.includes('secret')) {
    const without = redactText(read);
    if (without !== read) count++;
    read = without;
  }
  return { text: read, count };
}

/** Luhn's check digit (ISO/IEC 7812-1). */
function isCard(found: string): boolean {
  const digits = [...found.replace(/\D/g, '')].reverse().map(Number);
  const sum = digits.reduce((total, digit, index) => {
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum > 0 && sum % 10 === 0;
}

/** ISO 13616: moved and read as a number it leaves 1 when it is divided by 97. */
function isIban(found: string): boolean {
  const compact = found.replaceAll(' ', '');
  const moved = compact.slice(4) + compact.slice(0, 4);
  let rest = 0;
  for (const char of moved)
    for (const digit of String(Number.parseInt(char, 36))) rest = (rest * 10 + Number(digit)) % 97;
  return rest === 1;
}
