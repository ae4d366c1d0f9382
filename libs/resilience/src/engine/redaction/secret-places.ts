import { isSecretKey } from './secret-names.js';

/** Shorter ones ("yes", "1234") would blank innocent words. */
export const SHORTEST_SECRET_SOUGHT = 6;
/** Of a secret in several parts; its shorter ones are words such as "Path". */
const SHORTEST_PART = 8;

/** A text that is a name and nothing else: `x-api-key`, `--password`, `Authorization:`. */
const NAME = /^\s*-{0,2}([\w. -]{1,128})\s*[:=]?\s*$/;
const LONGEST_NAME = 140;

/** Whether the text names a secret, so that its neighbour is one: `['Authorization', '...']`, `{ name: 'token', value }`. */
function namesSecret(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > LONGEST_NAME) return false;
  const name = NAME.exec(value)?.[1];
  // A sentence that speaks of a token is no name.
  return name !== undefined && name.trim().split(' ').length <= 2 && isSecretKey(name);
}

/** `['token', 'x']`, raw headers `['Host', 'h', 'Cookie', 'c']`, a command line `['run', '--password', 'x']`. */
export function isNamedByItsNeighbour(list: readonly unknown[], index: number): boolean {
  const before = list[index - 1];
  if (list[index] === undefined || !namesSecret(before)) return false;
  return index % 2 === 1 || (before as string).startsWith('-');
}

const LABELS = ['name', 'key', 'header', 'field', 'param', 'Name', 'Key'];
const VALUE_KEY = /^(?:values?|content|data)$/i;

/** `{ name: 'authorization', value: '...' }`. */
export function isLabelledSecret(value: object): boolean {
  return LABELS.some((label) => {
    const held = Object.getOwnPropertyDescriptor(value, label);
    return held !== undefined && 'value' in held && namesSecret(held.value);
  });
}

export function isValueKey(key: string): boolean {
  return VALUE_KEY.test(key);
}

/** Of `sid=abc; Path=/` the whole, and whatever may be repeated alone. */
export function partsOf(secret: string): string[] {
  const parts = secret.slice(0, 4_096).split(/[\s;,=&:"'\\@<>()[\]{}]+|%\d\w/);
  return [secret, ...parts.filter((part) => part.length >= SHORTEST_PART)];
}

/** The texts and numbers inside a value that was left out. */
export function secretsIn(value: unknown): string[] {
  const secrets: string[] = [];
  const seen = new Set<unknown>();
  const open: unknown[] = [value];
  while (open.length > 0 && seen.size < 1_000) {
    const next = open.pop();
    if (typeof next === 'string') secrets.push(...partsOf(next));
    else if (typeof next === 'number' || typeof next === 'bigint') secrets.push(String(next));
    else if (typeof next === 'object' && next !== null && !seen.has(next)) {
      seen.add(next);
      open.push(...childrenOf(next));
    }
  }
  return secrets.filter((secret) => secret.length >= SHORTEST_SECRET_SOUGHT);
}

function childrenOf(value: object): unknown[] {
  try {
    if (ArrayBuffer.isView(value)) {
      return [Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, 4_096)).toString()];
    }
    if (value instanceof Map) return [...value.keys(), ...value.values()].slice(0, 1_000);
    if (value instanceof Set) return [...value].slice(0, 1_000);
    if (value instanceof Error) return [value.message, value.cause, ...(Object.values(value) as unknown[])];
    return Object.values(value).slice(0, 1_000);
  } catch {
    return [];
  }
}
