import { ResilienceOptionsError } from '../../engine/errors.js';
import { OptionsReader } from '../../engine/options.js';
import type { Fields, Schema } from './schema.js';

type Values = Readonly<Record<string, unknown>>;

/**
 * The texts of a query string as its fields describe them: numbers, truth values, times (ISO 8601 or epoch milliseconds). What cannot
 * be read stays as it is, so that whoever uses it names it with the value that was sent.
 */
export function typedQuery(fields: Fields, query: Values): Record<string, unknown> {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, typed(fields[name] ?? {}, value)]));
}

function typed({ type, format }: Schema, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (type === 'boolean') return value === 'true' || (value === 'false' ? false : value);
  const number = value.trim() === '' ? NaN : Number(value);
  if (format === 'date-time') return Number.isFinite(number) ? number : timeOf(value);
  return (type === 'integer' || type === 'number') && Number.isFinite(number) ? number : value;
}

function timeOf(value: string): unknown {
  const time = Date.parse(value);
  return Number.isNaN(time) ? value : time;
}

/** A query that is as its schema describes it. @throws ResilienceOptionsError naming every field at fault */
export function readQuery<T>(schema: Schema<T>, query: Values): T {
  return readBody(schema, typedQuery(schema.properties ?? {}, query));
}

/**
 * A body that is as its schema describes it; without one, an empty object.
 * @throws ResilienceOptionsError naming every field at fault
 */
export function readBody<T>({ properties = {}, required = [] }: Schema<T>, body: unknown): T {
  const given = body ?? {};
  const known = Object.keys(properties);
  if (!isObject(given)) {
    throw new ResilienceOptionsError([
      { path: 'body', value: body, allowed: `a JSON object with ${known.join(', ')}` },
    ]);
  }
  const reader = new OptionsReader<Record<string, unknown>>(given, 'body', known);
  for (const [name, schema] of Object.entries(properties)) {
    if (given[name] !== undefined || required.includes(name)) check(reader, name, schema);
  }
  reader.finish();
  return given as T;
}

function check(reader: OptionsReader<Record<string, unknown>>, name: string, schema: Schema): void {
  const { type = 'object', nullable = false, minimum, maximum, minLength = 0, description } = schema;
  const value = reader.raw(name);
  if (nullable && value === null) return;
  if (type === 'boolean') return void reader.boolean(name, undefined);
  if (type === 'number' || type === 'integer') {
    const range = { ...(minimum !== undefined && { min: minimum }), ...(maximum !== undefined && { max: maximum }) };
    return void reader.number(name, undefined, { ...range, integer: type === 'integer' });
  }
  const [fits, words] = KINDS[type];
  if (fits(value) && !(minLength > 0 && value === '')) return;
  reader.problem(name, value, `${words}${nullable ? ' or null' : ''}${description ? ` (${description})` : ''}`);
}

const KINDS = {
  string: [(value: unknown) => typeof value === 'string', 'a text'],
  array: [Array.isArray, 'a list'],
  object: [isObject, 'an object'],
} as const;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
