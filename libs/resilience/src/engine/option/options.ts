import { nearest } from '../did-you-mean.js';
import { type JsonSchema, type Option, Place } from './option.js';

export type Spec = Readonly<Record<string, AnyOption>>;

type AnyOption = Option<unknown, unknown>;
export type InOf<O> = O extends Option<infer In, unknown> ? In : never;
export type OutOf<O> = O extends Option<unknown, infer Out> ? Out : never;
type DefaultOf<O> = O extends Option<unknown, unknown, infer D> ? D : never;
type RequiredOf<S> = { [K in keyof S]: S[K] extends { readonly required: string } ? K : never }[keyof S];

/** What a user writes. Made of `Pick`s, through which the comments of a spec reach an editor. */
export type OptionsOf<S> = { readonly [K in keyof Omit<S, RequiredOf<S>>]?: InOf<S[K]> } & {
  readonly [K in keyof Pick<S, RequiredOf<S>>]: InOf<S[K]>;
};

/** What is in effect: checked, with defaults, durations in milliseconds. */
export type ResolvedOf<S> = { readonly [K in keyof S]: OutOf<S[K]> };

/** Without those that are none: `undefined`, and Infinity, whose type is all numbers. */
export type DefaultsOf<S> = {
  readonly [
    K in keyof S as unknown extends DefaultOf<S[K]>
      ? never
      : undefined extends DefaultOf<S[K]>
        ? never
        : number extends DefaultOf<S[K]>
          ? never
          : K
  ]: DefaultOf<S[K]>;
};

/** An object of options, itself an option of whatever it is given to. `H` is what a bare value sets. */
export interface Options<S extends Spec, H extends keyof S = never> extends Option<
  OptionsOf<S> | InOf<S[H]>,
  ResolvedOf<S>,
  DefaultsOf<S>
> {
  readonly spec: S;
  readonly shorthand?: H;
}

/** What was given, by the names of the options. */
export type Given<S> = { readonly [K in keyof S]?: unknown };

interface Rules<S, H> {
  /** The option that a bare value sets: `retry: 3` is `retry: { maxRetries: 3 }`. */
  readonly shorthand?: H;
  /** Adds what follows from what was given. */
  readonly infer?: (given: Given<S>) => Given<S>;
  /** Refuses what cannot be given together. */
  readonly check?: (read: Read<S>) => void;
}

interface Read<S> {
  readonly given: Given<S>;
  readonly resolved: ResolvedOf<S>;
  readonly at: Place;
  /** All of it as it was written. */
  readonly input: unknown;
}

export function options<S extends Spec, H extends keyof S & string = never>(
  spec: S,
  { shorthand, infer, check }: Rules<S, H> = {},
): Options<S, H> {
  const allowed = `an options object with ${Object.keys(spec).join(', ')}`;
  const bare = shorthand && spec[shorthand];
  return {
    ...{ spec, allowed, schema: schemaOf({ spec, ...(shorthand && { shorthand }) }) },
    types: ['object', ...(bare?.types ?? [])],
    ...(shorthand && { shorthand }),
    fallback: readAll(spec, {}, new Place('')),
    default: Object.fromEntries(
      Object.entries(spec)
        .map(([name, option]) => [name, option.default])
        .filter(([, value]) => value !== undefined && value !== Infinity),
    ) as DefaultsOf<S>,
    read(input, at) {
      const source = bare?.types.includes(typeof input) ? { [shorthand!]: input } : input === undefined ? {} : input;
      if (typeof source !== 'object' || source === null || Array.isArray(source)) return at.refuse(input, allowed);
      const given = infer ? infer(source) : (source as Given<S>);
      const resolved = readAll(spec, given, at);
      check?.({ given, resolved, at, input });
      return resolved;
    },
  };
}

/** Of more than anybody reads at once, each would cost a search for what was meant. */
const MAX_UNKNOWN = 100;

function readAll<S extends Spec>(spec: S, given: Given<S>, at: Place): ResolvedOf<S> {
  const known = Object.keys(spec);
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  for (const name of unknown.slice(0, MAX_UNKNOWN)) {
    const near = nearest(name, known);
    const hint = near ? ` (did you mean '${near}'?)` : '';
    at.at(name).refuse(given[name], `no such option${hint}; known: ${known.join(', ')}`);
  }
  const resolved = Object.entries(spec).map(([name, option]) => [name, readOne(name, option, given, at)]);
  return Object.fromEntries(resolved) as ResolvedOf<S>;
}

function readOne(name: string, option: Option<unknown, unknown>, given: Given<Spec>, at: Place): unknown {
  const value = given[name];
  if (value === undefined) {
    if (option.required !== undefined) at.at(name).refuse(value, option.required);
    return option.fallback;
  }
  if (option.needs !== undefined && given[option.needs] === undefined)
    return at.at(name).refuse(value, `nothing without ${option.needs}`);
  const problems = at.problems.length;
  const resolved = option.read(value, at.at(name));
  // Nothing comes of it any more, but what looks at all of them should find what it may expect.
  return at.problems.length > problems ? option.fallback : resolved;
}

/** The same option, or nothing where nothing is given. */
export interface OrNone<O extends AnyOption> extends Option<InOf<O>, OutOf<O> | undefined, undefined> {}
export function orNone<O extends AnyOption>(option: O): OrNone<O> {
  return { ...option, fallback: undefined, default: undefined } as OrNone<O>;
}

/** The same option, or `false` for none at all. */
export interface OrFalse<O extends AnyOption> extends Option<InOf<O> | false, OutOf<O> | undefined, DefaultOf<O>> {}
export function orFalse<O extends AnyOption>(option: O): OrFalse<O> {
  const read: AnyOption['read'] = (value, at) => (value === false ? undefined : option.read(value, at));
  return { ...option, read, ...orSchema({ const: false }, option) } as OrFalse<O>;
}

function orSchema(other: JsonSchema, { schema }: AnyOption): { readonly schema?: JsonSchema } {
  return schema ? { schema: { anyOf: [other, schema] } } : {};
}

/** What is off unless it is asked for: with options, or with `true` for their defaults. */
export interface Switch<O extends AnyOption, On = undefined> extends Option<
  InOf<O> | boolean,
  OutOf<O> | undefined,
  On
> {}
/** @param on whether it is without being asked for */
export function switchOf<O extends AnyOption, const On extends boolean | undefined = undefined>(
  option: O,
  on?: On,
): Switch<O, On> {
  const read: AnyOption['read'] = (value = on, at) =>
    value === undefined || value === false ? undefined : option.read(value === true ? undefined : value, at);
  const fallback = on ? option.fallback : undefined;
  return { ...option, fallback, default: on, read, ...orSchema({ type: 'boolean' }, option) } as Switch<O, On>;
}

/** The same option, read into something else. */
export function map<In, Out, D, To>(option: Option<In, Out, D>, to: (resolved: Out) => To): Option<In, To, D> {
  return {
    ...option,
    fallback: to(option.fallback),
    read: (value, at) => {
      const resolved = option.read(value, at);
      return resolved === undefined ? undefined : to(resolved);
    },
  };
}

/** @param instead what a file can write where only code can write the option itself */
export function schemaOf(
  { spec, shorthand }: Pick<Options<Spec, string>, 'spec' | 'shorthand'>,
  instead: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  const bare = shorthand === undefined ? undefined : spec[shorthand];
  const entries = Object.entries(spec);
  const properties = entries.flatMap(([name, { schema = instead[name] }]) => (schema ? [[name, schema]] : []));
  const required = entries.flatMap(([name, option]) => (option.required === undefined ? [] : [name]));
  const object: JsonSchema = {
    ...{ type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) as JsonSchema },
    ...(required.length > 0 && { required }),
  };
  return bare?.schema ? { anyOf: [bare.schema, object] } : object;
}
