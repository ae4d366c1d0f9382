import type { JsonSchema } from '../llm.request.js';

/** A sub-schema; `true`, `false` and garbage read as "anything". */
export function asNode(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : {};
}

/** Follows a reference inside the document (`#/$defs/Item`); others stay unresolved and read as "anything". */
export function resolveRef(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let node = schema;
  for (let hops = 0; typeof node['$ref'] === 'string' && hops < 16; hops++) {
    const pointer = node['$ref'];
    if (!pointer.startsWith('#')) return {};
    node = pointer
      .slice(1)
      .split('/')
      .filter((step) => step !== '')
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<JsonSchema>((at, step) => asNode(at[step]), root);
  }
  return node;
}

/** The `type` keyword as a list; guessed from other keywords when it is missing, empty when anything goes. */
export function typesOf(node: JsonSchema): string[] {
  const type = node['type'];
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return type.filter((entry) => typeof entry === 'string');
  if ('properties' in node) return ['object'];
  if ('items' in node) return ['array'];
  return [];
}
