import { ANSWERS_AT_ONCE, isAsync } from '../at-once.js';
import { type Duration, parseDuration } from '../duration.js';
import { isMatcher, type Matcher } from '../matcher.js';
import { oneOfText } from '../options.js';
import type { JsonSchema, Option, Place } from './option.js';

/** Without a default, nothing may be in effect. */
type Absent<Default> = [Default] extends [undefined] ? undefined : never;

/** An option of which every value is either good or refused with the same words. */
function plain<In, Out, Default>(
  types: readonly string[],
  allowed: string,
  fallback: unknown,
  accept: (value: unknown) => unknown,
  schema?: JsonSchema,
): Option<In, Out, Default> {
  const read = (value: unknown, at: Place) => (accept(value) ?? at.refuse(value, allowed)) as Out | undefined;
  const option = { allowed, types, read, fallback: fallback as Out, default: fallback as Default };
  return schema ? { ...option, schema } : option;
}

interface Range {
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly below?: number;
}

export function number<const D extends number | undefined = undefined>(
  fallback?: D,
  range: Range = {},
  { integer = false } = {},
): Option<number, number | Absent<D>, NoInfer<D>> {
  const { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity } = range;
  const good = (value: unknown): boolean =>
    (integer ? Number.isInteger(value) : Number.isFinite(value)) &&
    (value as number) >= min &&
    (value as number) <= max &&
    (value as number) > above &&
    (value as number) < below;
  const words = { minimum: range.min, maximum: range.max, exclusiveMinimum: above, exclusiveMaximum: below };
  const bounds = Object.entries(words).filter(([, bound]) => bound !== undefined && Number.isFinite(bound));
  return plain(
    ['number'],
    `${integer ? 'a whole number' : 'a number'}${rangeText(range)}`,
    fallback,
    (value) => (good(value) ? value : undefined),
    { type: integer ? 'integer' : 'number', ...Object.fromEntries(bounds) },
  );
}

function rangeText({ min, max, above, below }: Range): string {
  if (above !== undefined) return ` above ${above} and ${below === undefined ? `up to ${max}` : `below ${below}`}`;
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  return min === undefined ? '' : ` >= ${min}`;
}

export function whole<const D extends number | undefined = undefined>(
  fallback: D,
  range: Range,
): Option<number, number | Absent<D>, NoInfer<D>> {
  return number(fallback, range, { integer: true });
}

/** Milliseconds. */
export function duration<const D extends Duration | undefined = undefined>(
  fallback?: D,
  { min = 0, max = Number.MAX_VALUE } = {},
): Option<Duration, number | Absent<D>, NoInfer<D>> {
  const parse = (value: unknown) => {
    const ms = parseDuration(value);
    return ms !== undefined && ms >= min && ms <= max ? ms : undefined;
  };
  const description = "Milliseconds, or a text such as '250ms', '30s', '5m'.";
  return {
    ...plain<Duration, number | Absent<D>, D>(
      ['number', 'string'],
      `a duration >= ${min} such as 500 (milliseconds) or '30s'`,
      fallback,
      parse,
      { type: ['number', 'string'], description },
    ),
    fallback: parseDuration(fallback) as number | Absent<D>,
  };
}

export function flag<const D extends boolean | undefined>(
  fallback: D,
): Option<boolean, boolean | Absent<D>, NoInfer<D>> {
  return plain(['boolean'], 'true or false', fallback, (value) => (typeof value === 'boolean' ? value : undefined), {
    type: 'boolean',
  });
}

export function text<const D extends string | undefined = undefined>(
  fallback?: D,
): Option<string, string | Absent<D>, NoInfer<D>> {
  return plain(['string'], 'a string that is not empty', fallback, (value) => (isText(value) ? value : undefined), {
    type: 'string',
    minLength: 1,
  });
}

export function textOrFalse<const D extends string | false>(fallback: D): Option<string | false, string | false, D> {
  const off = custom<false, false>((value, at) => (value === false ? value : at.refuse(value, text().allowed)), {
    types: ['boolean'],
  });
  return { ...either(text(), off), fallback, default: fallback };
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

export function oneOf<const V extends string, const D extends V | undefined>(
  fallback: D,
  values: readonly V[],
): Option<V, V | Absent<D>, D> {
  return {
    ...plain<V, V | Absent<D>, D>(['string'], oneOfText(values, undefined), fallback, () => undefined, {
      enum: values,
    }),
    read: (value, at) => values.find((one) => one === value) ?? at.refuse(value, oneOfText(values, value)),
  };
}

/** A function whose answer a running call needs at once: an async one is refused. */
export function fn<In extends (...args: never) => unknown, Out = In>(
  allowed = 'a function',
): Option<In, Out | undefined, undefined> {
  return {
    ...plain<In, Out | undefined, undefined>(['function'], allowed, undefined, () => undefined),
    read: (value, at) => {
      if (typeof value !== 'function') return at.refuse(value, allowed);
      return isAsync(value) ? at.refuse(value, ANSWERS_AT_ONCE) : (value as Out);
    },
  };
}

/** Makes the key under which a policy keeps something for a call. */
export function key<Key extends string | undefined>(): Option<
  (...args: never) => Key,
  ((...args: readonly unknown[]) => Key) | undefined,
  undefined
> {
  return fn();
}

/** Judges what a method returned. */
export function judge(): Option<(result: never) => boolean, ((result: unknown) => boolean) | undefined, undefined> {
  return fn();
}

/** Which errors, with predicates that answer at once. */
export function errors(): Option<Matcher, Matcher | undefined, undefined> {
  const allowed = 'an Error class, a predicate (error) => boolean, or an array of those';
  return {
    ...plain<Matcher, Matcher | undefined, undefined>(['function', 'object'], allowed, undefined, () => undefined),
    read: (value, at) => {
      if (!isMatcher(value)) return at.refuse(value, allowed);
      return [value].flat().some(isAsync) ? at.refuse(value, ANSWERS_AT_ONCE) : value;
    },
  };
}

/** By its shape: an application may bring an object of its own class. */
export function withMethods<T extends object>(
  ...methods: readonly (keyof T & string)[]
): Option<T, T | undefined, undefined> {
  const fits = (value: unknown) =>
    methods.every((method) => typeof (Object(value) as Record<string, unknown>)[method] === 'function');
  return plain(['object'], `an object with the methods ${methods.join(', ')}`, undefined, (value) =>
    fits(value) ? value : undefined,
  );
}

/** What somebody else checks. */
export function anything<T>(): Option<T, T | undefined, undefined> {
  return custom<T, T>((value) => value as T);
}

type Parts<In, Out, D> = Partial<Omit<Option<In, Out, D>, 'read'>>;

/** An option of its own kind; `read` refuses in its own words. */
export function custom<In, Out, D = undefined>(
  read: Option<In, Out>['read'],
  parts: Parts<In, Out, D> & { readonly fallback: Out },
): Option<In, Out, D>;
export function custom<In, Out>(
  read: Option<In, Out>['read'],
  parts?: Omit<Parts<In, Out, undefined>, 'fallback'>,
): Option<In, Out | undefined, undefined>;
export function custom<In, Out, D>(
  read: Option<In, Out>['read'],
  parts: Parts<In, Out | undefined, D | undefined> = {},
): Option<In, Out | undefined, D | undefined> {
  return { allowed: '', types: [], fallback: undefined, default: undefined, ...parts, read };
}

/**
 * The other option where the type of a value says so, else the first, whose default holds.
 * @param allowed said of a value that is neither; the first one's words by default
 */
export function either<AI, AO, AD, BI, BO>(
  first: Option<AI, AO, AD>,
  other: Option<BI, BO>,
  allowed = first.allowed,
): Option<AI | BI, AO | Exclude<BO, undefined>, AD> {
  const schema = other.schema ? { anyOf: [first.schema, other.schema] } : first.schema;
  return {
    ...{ allowed, types: [...first.types, ...other.types], fallback: first.fallback, default: first.default },
    ...(schema && { schema }),
    read: (value, at) => {
      if (other.types.includes(typeof value)) return other.read(value, at) as Exclude<BO, undefined> | undefined;
      return allowed === first.allowed || first.types.includes(typeof value)
        ? first.read(value, at)
        : at.refuse(value, allowed);
    },
  };
}
