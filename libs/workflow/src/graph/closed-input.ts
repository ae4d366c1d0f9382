import { nearest } from '@nest-resilience/core/kit';
import type { ReadPath } from '../expression/references.js';
import type { JsonSchema } from './draft.js';

/** A property that no valid input has. */
export interface UnknownProperty {
  /** `input.order.idd`. */
  readonly path: string;
  readonly nearest: string | undefined;
  readonly known: readonly string[];
}

/**
 * The first step of a path below `input` that no input can have which the schema accepts. `undefined` for all else: what a schema
 * leaves open may be there.
 */
export function unknownProperty(schema: JsonSchema, path: ReadPath): UnknownProperty | undefined {
  let level: Level = { schemas: [schema] };
  for (const [index, name] of path.entries()) {
    if (index === 0) continue;
    const next = below(level.schemas, name, schema);
    if (next === undefined) return undefined;
    if ('known' in next)
      return { path: path.slice(0, index + 1).join('.'), nearest: nearest(name, next.known), known: next.known };
    level = next;
  }
  return undefined;
}

/** All of these hold for the value. */
interface Level {
  readonly schemas: readonly JsonSchema[];
}

type Below = Level | { readonly known: readonly string[] } | undefined;

/** What holds for a property (of each item, if it is a list), which names there are when there is no such property, or that nobody can tell. */
function below(schemas: readonly JsonSchema[], name: string, root: JsonSchema): Below {
  const found: JsonSchema[] = [];
  const refusals: (readonly string[])[] = [];
  for (const schema of schemas.flatMap((one) => expand(one, root))) {
    const properties = record(schema['properties']);
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (isSchema(own)) found.push(own);
    else if (own === undefined && refuses(schema, name)) refusals.push(Object.keys(properties));
    refusals.push(...['anyOf', 'oneOf'].flatMap((word) => refusedByEach(list(schema[word]), name, root)));
  }
  if (refusals.length > 0) return { known: [...new Set(refusals.flat())] };
  return found.length > 0 ? { schemas: found } : undefined;
}

/** The names of all branches, when none of them has this one. */
function refusedByEach(branches: readonly unknown[], name: string, root: JsonSchema): (readonly string[])[] {
  const answers = branches.map((branch) =>
    isSchema(branch) && !hasNoParts(branch) ? below([branch], name, root) : { known: [] },
  );
  const refusals = answers.flatMap((answer) => (answer && 'known' in answer ? [answer.known] : []));
  return branches.length > 0 && refusals.length === branches.length ? [refusals.flat()] : [];
}

function hasNoParts({ type }: JsonSchema): boolean {
  return ['null', 'string', 'number', 'integer', 'boolean'].includes(String(type));
}

function refuses(schema: JsonSchema, name: string): boolean {
  if (schema['additionalProperties'] !== false) return false;
  return !Object.keys(record(schema['patternProperties'])).some((pattern) => new RegExp(pattern, 'u').test(name));
}

/** A schema with what it refers to and what holds together with it; of a list that of its items, through which expressions look. */
function expand(schema: JsonSchema, root: JsonSchema, seen = new Set<JsonSchema>()): JsonSchema[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const items = isList(schema) && schema['prefixItems'] === undefined ? schema['items'] : undefined;
  const parts = [referred(schema['$ref'], root), ...list(schema['allOf']), items].filter(isSchema);
  const more = parts.flatMap((part) => expand(part, root, seen));
  return isList(schema) ? more : [schema, ...more];
}

function isList({ type, items, properties }: JsonSchema): boolean {
  const types = Array.isArray(type) ? (type as unknown[]) : [type];
  return types.includes('array') ? !types.includes('object') : items !== undefined && properties === undefined;
}

/** Only what is in the same document: `#`, `#/$defs/order`. */
function referred(ref: unknown, root: JsonSchema): unknown {
  if (typeof ref !== 'string' || !/^#(\/|$)/.test(ref)) return undefined;
  const keys = ref.split('/').slice(1);
  return keys
    .map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, key) => (isSchema(value) ? value[key] : undefined), root);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return isSchema(value) ? value : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
