import { firstSentence } from './words.js';

/** With the lengths of RFC 5321: without them each character of a long word would begin a search of its own. */
const EMAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/;
const URL_PATTERN = /https?:\/\/[^\s<>"')\]]+/;
const ISO_DATE = /\b\d{4}-\d{2}-\d{2}\b/;
const ISO_DATE_TIME = /\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})\b/;
const CURRENCY_CODE = /\b(USD|EUR|GBP|CHF|JPY|CAD|AUD|SEK|NOK|DKK|PLN|INR|CNY|BRL)\b/;
const CURRENCY_OF_SIGN: Readonly<Record<string, string>> = { $: 'USD', '€': 'EUR', '£': 'GBP', '¥': 'JPY', '₹': 'INR' };
/** 1,234.56 or 1234.5 or 12 */
const AMOUNT = /\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?/g;

/** What stands in the text literally for a string format of JSON Schema. */
export function findFormat(text: string, format: unknown): string | undefined {
  if (format === 'email') return EMAIL.exec(text)?.[0];
  if (format === 'uri' || format === 'url') return URL_PATTERN.exec(text)?.[0];
  if (format === 'date') return ISO_DATE.exec(text)?.[0];
  if (format === 'date-time') return ISO_DATE_TIME.exec(text)?.[0];
  return undefined;
}

/** What stands in the text for a field whose name says what it is: `date`, `email`, `currency`, `subject`... */
export function findByName(text: string, name: string): string | undefined {
  if (/e-?mail|sender/i.test(name)) return EMAIL.exec(text)?.[0];
  if (/url|link|website/i.test(name)) return URL_PATTERN.exec(text)?.[0];
  if (/date|day|deadline/i.test(name)) return ISO_DATE.exec(text)?.[0];
  if (/currency/i.test(name)) {
    const sign = /[$€£¥₹]/.exec(text)?.[0];
    return CURRENCY_CODE.exec(text)?.[0] ?? (sign === undefined ? undefined : CURRENCY_OF_SIGN[sign]);
  }
  if (/title|subject|headline|vendor|merchant|name/i.test(name)) return firstSentence(text.split('\n', 1)[0] ?? '');
  return undefined;
}

/** The amount on a line that says "total", else the largest one with a currency or decimals. */
export function findAmount(text: string): number | undefined {
  const lines = text.split('\n');
  const totals = lines.filter(
    (line) => /\b(?:grand total|total|amount due|balance due)\b/i.test(line) && !/\bsub-?total\b/i.test(line),
  );
  const ofTotals = largest(totals.flatMap(amountsIn));
  return (
    ofTotals ??
    largest(lines.filter((line) => /[$€£¥₹]|\d\.\d{2}\b/.test(line) || CURRENCY_CODE.test(line)).flatMap(amountsIn))
  );
}

function amountsIn(line: string): number[] {
  const withoutDates = line.replace(/\d{4}-\d{2}-\d{2}/g, ' ');
  return [...withoutDates.matchAll(AMOUNT)].map((match) => Number(match[0].replaceAll(',', '')));
}

function largest(amounts: readonly number[]): number | undefined {
  return amounts.length === 0 ? undefined : amounts.reduce((most, amount) => Math.max(most, amount));
}
