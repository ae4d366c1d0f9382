import { storeError } from '../dead-letter/capture/error-record.js';
import { isSecretName } from '../engine/redaction/index.js';
import { createRedactor, REDACTED } from '../dead-letter/capture/redact.js';
import type { PlainOptions as EventDetails, PlainValue as EventDetail } from '../nest/plain-options.js';

export type { EventDetail, EventDetails };

/** Some events come often and a hundred of each are kept: what is longer or deeper than this is cut. */
const MAX_TEXT = 500;
const MAX_ITEMS = 20;
const MAX_DEPTH = 3;

const redactor = createRedactor([]);

/** An event's payload without secrets, stacks or anything that a listener could change. Never throws. */
export function plainDetails(payload: object): EventDetails {
  try {
    return fieldsOf(payload, 0);
  } catch {
    return { unreadable: true };
  }
}

function fieldsOf(value: object, depth: number): EventDetails {
  const details: Record<string, EventDetail> = {};
  for (const [name, field] of Object.entries(value).slice(0, MAX_ITEMS)) {
    const shown = detail(name, field, depth);
    if (shown !== undefined) details[name] = shown;
  }
  return details;
}

function detail(name: string, value: unknown, depth: number): EventDetail | undefined {
  if (value === undefined) return undefined;
  // Whatever was thrown, Errors or not.
  if (name === 'error' || value instanceof Error) return errorOf(value);
  if (name === 'errors' && Array.isArray(value)) return value.slice(0, MAX_ITEMS).map(errorOf);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'string') return isSecretName(name, value) ? REDACTED : text(value);
  if (typeof value === 'bigint' || typeof value === 'symbol') return value.toString();
  if (typeof value !== 'object') return undefined;
  if (depth === MAX_DEPTH) return undefined;
  if (!Array.isArray(value)) return fieldsOf(value, depth + 1);
  const items = value.slice(0, MAX_ITEMS).map((item: unknown) => detail(name, item, depth + 1));
  return items.filter((item) => item !== undefined);
}

function errorOf(error: unknown): EventDetails {
  const { name, message, code } = storeError(error, redactor);
  return { name, message: cut(message), ...(code !== undefined && { code }) };
}

/** Cleaned before it is cut: half a secret no longer looks like one. */
function text(value: string): string {
  return cut(redactor.text(value.slice(0, MAX_TEXT * 8)));
}

function cut(clean: string): string {
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT - 3)}...` : clean;
}
