import { types } from 'node:util';

/** What JSON would lose of a value without a word: where, and what is there. */
export interface Loss {
  /** `items[0].total`; empty for the value itself. */
  readonly path: string;
  readonly what: string;
}

/**
 * The first part of a value that JSON drops, empties or turns into null. What an object makes of itself (`toJSON`: Date, URL, Buffer,
 * decimals, documents of an ORM) is its own affair, an instance of a class is its fields, and a field that is undefined is none.
 */
export function lostInJson(value: unknown): Loss | undefined {
  const above: Step[] = [];
  const what = find(value, above);
  return what === undefined ? undefined : { path: pathOf(above), what };
}

/** Leaves `above` as it is when something was found. */
function find(value: unknown, above: Step[]): string | undefined {
  const what = whatIsLost(value);
  if (what !== undefined || typeof value !== 'object' || value === null) return what;
  const own = ownJson(value, above.at(-1)?.key ?? '');
  if (own !== value) return find(own, above);
  if (above.some(({ parent }) => parent === value)) return 'a circular reference';
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key];
    if (isHarmless(child)) continue;
    above.push({ parent: value, key });
    const lost = find(child, above);
    if (lost !== undefined) return lost;
    above.pop();
  }
  return undefined;
}

/** Most parts are. */
function isHarmless(value: unknown): boolean {
  const type = typeof value;
  return type === 'string' || type === 'boolean' || value === null || value === undefined || Number.isFinite(value);
}

interface Step {
  readonly parent: object;
  readonly key: string;
}

function ownJson(value: object, key: string): unknown {
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? (toJSON.call(value, key) as unknown) : value;
}

function whatIsLost(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : String(value);
    case 'bigint':
      return `the BigInt ${value}n`;
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    case 'object':
      return value === null ? undefined : whatIsLostOf(value);
    default:
      return undefined;
  }
}

function whatIsLostOf(value: object): string | undefined {
  if (types.isDate(value) && Number.isNaN(value.getTime())) return 'an invalid Date';
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return undefined;
  if (value instanceof Error || types.isNativeError(value)) return `an error (${value.name}: ${value.message})`;
  if (ArrayBuffer.isView(value)) return nameOf(value);
  if (Array.isArray(value) || Object.keys(value).length > 0) return undefined;
  return hidesSomething(value) ? nameOf(value) : undefined;
}

/** No field to see, but methods: Map, Set, Promise, RegExp, Response, and classes that keep their state private. */
function hidesSomething(value: object): boolean {
  for (let type = prototypeOf(value); type && prototypeOf(type); type = prototypeOf(type))
    if (Object.getOwnPropertyNames(type).some((name) => name !== 'constructor')) return true;
  return false;
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
}

function nameOf(value: object): string {
  const { name } = (value as { constructor?: { name?: unknown } }).constructor ?? {};
  const known = typeof name === 'string' && name !== '' ? name : 'class without a name';
  return /^[AEIOU]/i.test(known) ? `an ${known}` : `a ${known}`;
}

function pathOf(steps: readonly Step[]): string {
  return steps
    .map(({ parent, key }) =>
      Array.isArray(parent) ? `[${key}]` : /^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
    )
    .join('')
    .replace(/^\./, '');
}
