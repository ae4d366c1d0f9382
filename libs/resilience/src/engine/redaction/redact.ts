import { inspect } from 'node:util';
import { REDACTED } from './redacted.js';
import { TextRedactor } from './text-redactor.js';

const redactor = new TextRedactor('all');
const MAX_CAUSES = 5;
const LONGEST_STACK = 16_000;

/**
 * The text without secrets: values whose name says what they are (`password=...`, `"apiKey": "..."`), tokens, keys and
 * credentials by their shape, and everything that `neverShow` was told. In their place stands `[redacted]`. Never throws.
 */
export function redactText(text: string): string {
  try {
    return redactor.clean(text);
  } catch {
    return REDACTED;
  }
}

/** {@link redactText} for every text inside of plain data, and for the values of secret keys. A copy; never throws. */
export function redactValue(value: unknown): unknown {
  try {
    return redactor.cleanValue(value);
  } catch {
    return REDACTED;
  }
}

/** An error as a log may hold it: stack and causes without secrets. Never throws. */
export function redactedStack(error: unknown): string {
  try {
    const parts: string[] = [];
    for (let link = error, depth = 0; link !== undefined && link !== null && depth < MAX_CAUSES; depth++) {
      const { stack, cause } = (typeof link === 'object' ? link : {}) as { stack?: unknown; cause?: unknown };
      parts.push((typeof stack === 'string' ? stack : inspect(link, { depth: 2 })).slice(0, LONGEST_STACK));
      link = cause;
    }
    return redactText(parts.join('\ncaused by: '));
  } catch {
    return '[the error could not be read]';
  }
}
