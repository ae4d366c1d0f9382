import { mapSchemas } from '@nest-resilience/core/kit';
import type { JsonSchema } from '../llm.request.js';

/** A schema as OpenAI takes it. Source of the rules: platform.openai.com/docs/guides/structured-outputs, "Supported schemas", 2026-02. */
export interface OpenAiSchema {
  readonly schema: JsonSchema;
  /** Whether its strict mode takes it. Any other is answered with 400 there, so it is sent as a mere hint and checked here afterwards. */
  readonly strict: boolean;
  /** The text that was asked for, out of the answer's. */
  readonly unwrap: (text: string) => string;
}

/** The root of an answer must be an object: any other answer is asked for as `{ "value": ... }`. */
export function openAiSchema(given: JsonSchema): OpenAiSchema {
  if (given['type'] === 'object' && !('anyOf' in given) && !('$ref' in given))
    return { schema: given, strict: isStrictSchema(given), unwrap: (text) => text };
  const { $schema, $defs, definitions, ...root } = mapSchemas(given, movedReference);
  const schema: JsonSchema = {
    ...($schema !== undefined && { $schema }),
    ...{ type: 'object', properties: { value: root }, required: ['value'], additionalProperties: false },
    ...($defs !== undefined && { $defs }),
    ...(definitions !== undefined && { definitions }),
  };
  return { schema, strict: isStrictSchema(schema), unwrap };
}

/** The root is now a property; definitions stay where they are. */
function movedReference(schema: JsonSchema): JsonSchema {
  const { $ref } = schema;
  if (typeof $ref !== 'string' || !/^#(?!\/(?:\$defs|definitions)\/)(?:\/|$)/.test($ref)) return schema;
  return { ...schema, $ref: `#/properties/value${$ref.slice(1)}` };
}

/** Cut out and not written anew, so that what it says stays as it is. */
function unwrap(text: string): string {
  const inner = /^\s*\{\s*"value"\s*:([^]*)\}\s*$/.exec(text)?.[1]?.trim();
  if (inner === undefined) return text;
  try {
    const read = JSON.parse(text) as Readonly<Record<string, unknown>>;
    JSON.parse(inner);
    return Object.keys(read).length === 1 ? inner : text;
  } catch {
    return text;
  }
}

const KEYWORDS: ReadonlySet<string> = new Set(
  (
    '$defs $ref $schema additionalProperties anyOf const definitions description enum exclusiveMaximum exclusiveMinimum format items ' +
    'maximum maxItems minimum minItems multipleOf pattern properties required title type'
  ).split(' '),
);
const FORMATS: readonly unknown[] = 'date-time time date duration email hostname ipv4 ipv6 uuid'.split(' ');
/** One of them says what a value is. */
const KINDS = ['type', 'anyOf', '$ref', 'enum', 'const'];
const MAX_DEPTH = 10;
const MAX_PROPERTIES = 5_000;
const MAX_CHOICES = 1_000;

/** Whether OpenAI's strict mode takes a schema: only keywords that it knows, every object closed, all its properties required. */
export function isStrictSchema(schema: unknown): boolean {
  return isStrict(schema, 1, { properties: 0, choices: 0 });
}

function isStrict(schema: unknown, depth: number, count: { properties: number; choices: number }): boolean {
  if (!isRecord(schema)) return false;
  const { type, properties, required, additionalProperties, items, anyOf, format, $defs, definitions } = schema;
  if (!Object.keys(schema).every((keyword) => KEYWORDS.has(keyword))) return false;
  if (!KINDS.some((kind) => kind in schema)) return false;
  // Beside a reference nothing else may stand but what others refer to.
  if ('$ref' in schema && Object.keys(schema).some((keyword) => !REFERRED.has(keyword))) return false;
  if (format !== undefined && !FORMATS.includes(format)) return false;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  count.choices += Array.isArray(schema['enum']) ? schema['enum'].length : 0;
  const names = isRecord(properties) ? Object.keys(properties) : [];
  count.properties += names.length;
  if (count.properties > MAX_PROPERTIES || count.choices > MAX_CHOICES) return false;
  if (types.includes('object') || properties !== undefined) {
    if (additionalProperties !== false || !isRecord(properties) || depth > MAX_DEPTH) return false;
    if (!names.every((name) => Array.isArray(required) && required.includes(name))) return false;
  }
  if (types.includes('array') && items === undefined) return false;
  return [
    ...(isRecord(properties) ? Object.values(properties) : []),
    ...(items === undefined ? [] : [items]),
    ...(Array.isArray(anyOf) ? (anyOf as unknown[]) : []),
    ...[$defs, definitions].flatMap((table) => (isRecord(table) ? Object.values(table) : [])),
  ].every((inner) => isStrict(inner, types.includes('object') ? depth + 1 : depth, count));
}

const REFERRED: ReadonlySet<string> = new Set(['$ref', '$defs', 'definitions', '$schema']);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
