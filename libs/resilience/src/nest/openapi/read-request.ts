import { ResilienceOptionsError } from '../../engine/errors.js';
import * as option from '../../engine/option/index.js';
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
  const spec = Object.entries(properties).map(([name, schema]) => {
    const field = fieldOf(schema);
    return [name, required.includes(name) ? option.required(field) : field] as const;
  });
  option.read(option.options(Object.fromEntries(spec)), given, 'body');
  return given as T;
}

function fieldOf(schema: Schema): option.Option<unknown, unknown> {
  const { type = 'object', nullable = false, minimum, maximum, minLength = 0, description } = schema;
  if (type === 'boolean') return option.flag(undefined);
  if (type === 'number' || type === 'integer') {
    const range = { ...(minimum !== undefined && { min: minimum }), ...(maximum !== undefined && { max: maximum }) };
    return option.number(undefined, range, { integer: type === 'integer' });
  }
  const [fits, words] = KINDS[type];
  const allowed = `${words}${nullable ? ' or null' : ''}${description ? ` (${description})` : ''}`;
  const isGood = (value: unknown): boolean => fits(value) && !(minLength > 0 && value === '');
  return option.custom<unknown, unknown>(
    (value, at) => ((nullable && value === null) || isGood(value) ? value : at.refuse(value, allowed)),
    { allowed },
  );
}

const KINDS = {
  string: [(value: unknown) => typeof value === 'string', 'a text'],
  array: [Array.isArray, 'a list'],
  object: [isObject, 'an object'],
} as const;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
