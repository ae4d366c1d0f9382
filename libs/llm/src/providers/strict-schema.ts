import type { JsonSchema } from '../llm.request.js';

/**
 * Whether OpenAI's strict mode accepts a schema: every object closed and all its properties required. Any other schema is
 * answered with 400 in strict mode, so it is sent as a mere hint and checked here afterwards.
 */
export function isStrictSchema(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrictSchema);
  if (typeof schema !== 'object' || schema === null) return true;
  const node = schema as JsonSchema;
  if (isRecord(node['properties'])) {
    const required = Array.isArray(node['required']) ? node['required'] : [];
    if (node['additionalProperties'] !== false) return false;
    if (!Object.keys(node['properties']).every((name) => required.includes(name))) return false;
  } else if (node['type'] === 'object') {
    return false;
  }
  return Object.values(node).every(isStrictSchema);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
