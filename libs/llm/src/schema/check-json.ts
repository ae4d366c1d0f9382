import type { JsonSchema } from '../llm.request.js';
import { PatternBudget } from './pattern-budget.js';
import { asNode, resolveRef, typesOf } from './schema-node.js';

/**
 * What is wrong with a value, one line per problem with its JSON pointer; empty when it matches. Knows the keywords that
 * describe answers of models: type, enum, const, properties, required, additionalProperties, items, bounds, lengths, pattern,
 * anyOf, oneOf, allOf, local $ref. Other keywords are ignored, as JSON Schema wants unknown ones to be.
 */
export function checkJson(value: unknown, schema: JsonSchema): string[] {
  const problems: string[] = [];
  check(value, schema, '', { root: schema, problems, patterns: new PatternBudget(), steps: { left: MAX_STEPS } });
  return problems;
}

/** Pairs of a value and a schema: variants that refer to themselves double with each level of the answer. */
const MAX_STEPS = 500_000;

interface Check {
  readonly root: JsonSchema;
  readonly problems: string[];
  readonly patterns: PatternBudget;
  readonly steps: { left: number };
}

function check(value: unknown, schema: JsonSchema, path: string, run: Check): void {
  if (run.steps.left-- <= 0) throw new Error(`the schema takes more than ${MAX_STEPS} steps on this answer`);
  const node = resolveRef(schema, run.root);
  const at = path === '' ? 'the answer' : path;
  const types = 'type' in node ? typesOf(node) : [];
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) {
    run.problems.push(`${at} must be ${types.join(' or ')}, got ${typeName(value)}`);
    return;
  }
  if ('const' in node && !same(value, node['const']))
    run.problems.push(`${at} must be ${JSON.stringify(node['const'])}`);
  const values = node['enum'];
  if (Array.isArray(values) && !values.some((one) => same(value, one))) {
    run.problems.push(
      `${at} must be one of ${values.map((one) => JSON.stringify(one)).join(', ')}, got ${JSON.stringify(value)}`,
    );
  }
  if (typeof value === 'number') checkNumber(value, node, at, run);
  if (typeof value === 'string') checkString(value, node, at, run);
  if (Array.isArray(value)) checkArray(value, node, path, run);
  else if (typeof value === 'object' && value !== null) checkObject(value as Record<string, unknown>, node, path, run);
  checkVariants(value, node, path, run);
}

function checkNumber(value: number, node: JsonSchema, at: string, { problems }: Check): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node as Record<string, unknown>;
  if (typeof minimum === 'number' && value < minimum) problems.push(`${at} must be >= ${minimum}`);
  if (typeof maximum === 'number' && value > maximum) problems.push(`${at} must be <= ${maximum}`);
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum)
    problems.push(`${at} must be > ${exclusiveMinimum}`);
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum)
    problems.push(`${at} must be < ${exclusiveMaximum}`);
}

function checkString(value: string, node: JsonSchema, at: string, { problems, patterns }: Check): void {
  const { minLength, maxLength, pattern } = node as Record<string, unknown>;
  if (typeof minLength === 'number' && value.length < minLength)
    problems.push(`${at} must have at least ${minLength} characters`);
  if (typeof maxLength === 'number' && value.length > maxLength)
    problems.push(`${at} must have at most ${maxLength} characters`);
  const regexp = typeof pattern === 'string' ? regExpOf(pattern) : undefined;
  if (regexp && !patterns.test(regexp, value)) problems.push(`${at} must match ${String(pattern)}`);
}

/** Many patterns in use escape more than the `u` flag allows. One that is no pattern at all is ignored like an unknown keyword. */
function regExpOf(pattern: string): RegExp | undefined {
  for (const flags of ['u', '']) {
    try {
      return new RegExp(pattern, flags);
    } catch {
      // The next one may take it.
    }
  }
  return undefined;
}

function checkArray(value: readonly unknown[], node: JsonSchema, path: string, run: Check): void {
  const { minItems, maxItems, items } = node as Record<string, unknown>;
  const at = path === '' ? 'the answer' : path;
  if (typeof minItems === 'number' && value.length < minItems)
    run.problems.push(`${at} must have at least ${minItems} items`);
  if (typeof maxItems === 'number' && value.length > maxItems)
    run.problems.push(`${at} must have at most ${maxItems} items`);
  if (items !== undefined && !Array.isArray(items)) {
    value.forEach((item, index) => check(item, asNode(items), `${path}/${index}`, run));
  }
}

function checkObject(value: Readonly<Record<string, unknown>>, node: JsonSchema, path: string, run: Check): void {
  const properties = asNode(node['properties']);
  const required = Array.isArray(node['required']) ? node['required'] : [];
  for (const name of required) {
    if (typeof name === 'string' && !Object.hasOwn(value, name)) run.problems.push(`${path}/${name} is missing`);
  }
  for (const [name, entry] of Object.entries(value)) {
    if (Object.hasOwn(properties, name)) check(entry, asNode(properties[name]), `${path}/${name}`, run);
    else if (node['additionalProperties'] === false) run.problems.push(`${path}/${name} is not allowed`);
    else check(entry, asNode(node['additionalProperties']), `${path}/${name}`, run);
  }
}

function checkVariants(value: unknown, node: JsonSchema, path: string, run: Check): void {
  for (const part of Array.isArray(node['allOf']) ? node['allOf'] : []) check(value, asNode(part), path, run);
  for (const variants of [node['anyOf'], node['oneOf']]) {
    if (Array.isArray(variants)) checkOneOf(value, variants, path, run);
  }
}

function checkOneOf(value: unknown, variants: readonly unknown[], path: string, run: Check): void {
  let nearest: string[] | undefined;
  for (const variant of variants) {
    const problems: string[] = [];
    check(value, asNode(variant), path, { ...run, problems });
    if (problems.length === 0) return;
    if (nearest === undefined || problems.length < nearest.length) nearest = problems;
  }
  run.problems.push(...(nearest ?? []));
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  return typeName(value) === type;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
