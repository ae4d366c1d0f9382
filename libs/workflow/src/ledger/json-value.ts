import { type PlainValue, Turns, withoutKnownSecrets } from '@nest-resilience/core';
import { type Loss, lostInJson } from './lost-in-json.js';

/** What can be stored and sent unchanged. */
export type JsonValue = PlainValue;

/** A value that cannot be kept in the ledger. Never worth a retry. */
export class WorkflowValueError extends Error {
  readonly code = 'RESILIENCE_WORKFLOW_VALUE';
  readonly isRetryable = false;

  constructor(what: string, reason: string) {
    super(`${what} cannot be stored: ${reason}`);
    this.name = new.target.name;
  }
}

/**
 * The value as it will come back from the store: through JSON (what has a `toJSON` becomes that, so a Date becomes text; undefined in
 * an object is left out, undefined alone or in a list becomes null) and frozen. The run goes on with this copy, so that a resumed run
 * sees exactly what the first one saw.
 * @throws {@link WorkflowValueError} for what JSON would lose silently ({@link lostInJson}), BigInt, cycles and everything larger than
 * `maxBytes`.
 */
export function toJsonValue(value: unknown, what: string, maxBytes: number): JsonValue {
  return readJson(toJsonText(value, what, maxBytes));
}

/** Characters of JSON from which on it may matter. */
const LARGE = 65_536;

/** The same where others have a turn between its halves: of a value with many parts each takes a while. */
export async function toJsonValueInTurns(value: unknown, what: string, maxBytes: number): Promise<JsonValue> {
  const turns = new Turns();
  const text = toJsonText(value, what, maxBytes);
  if (text.length < LARGE) return readJson(text);
  await turns.take();
  const copy = readJson(text);
  await turns.take();
  return copy;
}

function toJsonText(value: unknown, what: string, maxBytes: number): string {
  if (value === undefined) return 'null';
  const text = jsonOf(value, what);
  // A character is at least one byte and at most three in UTF-8: most values need no second look.
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) {
    throw new WorkflowValueError(
      what,
      `it has ${Buffer.byteLength(text)} bytes of JSON, at most ${maxBytes} are allowed; store it elsewhere and pass a reference`,
    );
  }
  return text;
}

function readJson(text: string): JsonValue {
  return deepFreeze(withoutConfigured(text));
}

/** Nobody's keys get into the ledger, whoever repeats them; text by text, for a number of the same digits is none of them. */
function withoutConfigured(text: string): JsonValue {
  if (withoutKnownSecrets(text) === text) return JSON.parse(text) as JsonValue;
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' ? withoutKnownSecrets(value) : value,
  ) as JsonValue;
}

function jsonOf(value: unknown, what: string): string {
  let loss: Loss | undefined;
  try {
    loss = lostInJson(value);
    // undefined is left of an object that says so itself.
    if (!loss) return JSON.stringify(value) ?? 'null';
  } catch (error) {
    throw new WorkflowValueError(what, (error as Error).message.split('\n')[0] ?? '');
  }
  const place = loss.path === '' ? '' : ` at ${loss.path}`;
  throw new WorkflowValueError(
    what,
    `${loss.what}${place} is no JSON; make it a text, a number, a list or a plain object`,
  );
}

export function deepFreeze<T>(value: T): T {
  const open: unknown[] = [value];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    if (typeof part !== 'object' || part === null || Object.isFrozen(part)) continue;
    Object.freeze(part);
    open.push(...(Object.values(part) as unknown[]).filter((child) => typeof child === 'object' && child !== null));
  }
  return value;
}
