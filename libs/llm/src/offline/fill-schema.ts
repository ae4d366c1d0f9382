import type { JsonSchema } from '../llm.request.js';
import { asNode, resolveRef, typesOf } from './schema-node.js';
import { classify, evidenceFor, speaksFor } from './classify.js';
import { keywords, summarize } from './extract.js';
import { findAmount, findByName, findFormat } from './find-in-text.js';
import { ReadText } from './words.js';

/** A recursive schema must end somewhere. */
const MAX_DEPTH = 8;
/** Fields of one answer: a schema of references to itself may ask for more than there are atoms. */
const MAX_FIELDS = 2_000;
/** Neither sure nor unsure: what an answer without understanding may claim. */
const CONFIDENCE = 0.5;

/**
 * Builds a value of the schema's shape from what stands in the text: a choice goes to the label with the most evidence,
 * strings are cut out of the text, lists are its keywords. A field that nothing in the text can fill gets a neutral value
 * or null; whether the result satisfies the schema is checked afterwards like any answer.
 */
export function fillSchema(schema: JsonSchema, text: string | ReadText): unknown {
  return fill(schema, { root: schema, text: ReadText.of(text), name: '', depth: 0, fields: { left: MAX_FIELDS } });
}

interface Place {
  readonly root: JsonSchema;
  readonly text: ReadText;
  /** Of the property that is being filled. */
  readonly name: string;
  readonly depth: number;
  /** Shared by all places of one answer. */
  readonly fields: { left: number };
}

function fill(schema: JsonSchema, place: Place): unknown {
  const node = resolveRef(schema, place.root);
  if (place.depth > MAX_DEPTH || place.fields.left-- <= 0) return null;
  if ('const' in node) return node['const'];
  if (Array.isArray(node['enum'])) return choose(node['enum'], place.text);
  const variants = [node['anyOf'], node['oneOf']].find(Array.isArray);
  if (variants !== undefined) return fillVariant(variants.map(asNode), place);
  const allOf = node['allOf'];
  if (Array.isArray(allOf))
    return fill(
      Object.assign(
        {},
        node,
        { allOf: undefined },
        ...allOf.map((part) => resolveRef(asNode(part), place.root)),
      ) as JsonSchema,
      place,
    );
  const types = typesOf(node);
  const nullable = types.includes('null');
  switch (types.find((type) => type !== 'null')) {
    case 'object':
      return fillObject(node, place);
    case 'array':
      return fillArray(node, place);
    case 'string':
      return fillString(node, place, nullable);
    case 'number':
    case 'integer':
      return fillNumber(node, place, types.includes('integer'));
    case 'boolean':
      return speaksFor(place.name, place.text);
    default:
      return nullable ? null : summarize(place.text);
  }
}

function choose(values: readonly unknown[], text: ReadText): unknown {
  const labels = values.filter((value) => typeof value === 'string');
  return labels.length > 0 ? classify(text, labels) : values[0];
}

/** Constants among the variants are one choice; else the first variant that is not null. */
function fillVariant(variants: readonly JsonSchema[], place: Place): unknown {
  const constants = variants.map((variant) => variant['const']);
  if (constants.every((value) => typeof value === 'string')) return choose(constants, place.text);
  const first = variants.find((variant) => variant['type'] !== 'null');
  if (first === undefined) return null;
  const filled = fill(first, place);
  return filled === '' && first !== variants.at(-1) && variants.some((variant) => variant['type'] === 'null')
    ? null
    : filled;
}

function fillObject(node: JsonSchema, place: Place): Record<string, unknown> {
  const filled: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(asNode(node['properties']))) {
    filled[name] = fill(asNode(property), { ...place, name, depth: place.depth + 1 });
  }
  return filled;
}

function fillArray(node: JsonSchema, place: Place): unknown[] {
  const max = typeof node['maxItems'] === 'number' ? Math.min(node['maxItems'], MAX_FIELDS) : 8;
  const min = typeof node['minItems'] === 'number' ? node['minItems'] : 0;
  const items = resolveRef(asNode(node['items']), place.root);
  const choices = items['enum'];
  let filled: unknown[];
  if (Array.isArray(choices)) {
    filled = choices.filter((choice) => typeof choice === 'string' && evidenceFor(choice, place.text.wordSet) >= 2);
  } else {
    filled = typesOf(items).includes('string') || Object.keys(items).length === 0 ? keywords(place.text, max) : [];
  }
  while (filled.length < min && filled.length < max) filled.push(fill(items, { ...place, depth: place.depth + 1 }));
  return filled.slice(0, max);
}

function fillString(node: JsonSchema, place: Place, nullable: boolean): string | null {
  const { text, name } = place;
  const format = node['format'];
  const found = format === undefined ? findByName(text.text, name) : findFormat(text.text, format);
  // Names and dates are in the text or they are not; anything else a string may hold is said by a summary.
  const literal = format !== undefined || /e-?mail|url|link|date|currency/i.test(name);
  if (found === undefined && literal) return nullable ? null : '';
  const isKeywords = /keyword|tags?$|topics?$/i.test(name);
  const value = found ?? (isKeywords ? keywords(text).join(', ') : summarize(text));
  return typeof node['maxLength'] === 'number' ? value.slice(0, node['maxLength']) : value;
}

function fillNumber(node: JsonSchema, place: Place, integer: boolean): number {
  const min = boundOf(node, 'minimum', 'exclusiveMinimum');
  const max = boundOf(node, 'maximum', 'exclusiveMaximum');
  const asked = /amount|total|price|sum|cost|paid|value/i.test(place.name) ? findAmount(place.text.text) : undefined;
  const middle = min !== undefined && max !== undefined ? min + (max - min) * CONFIDENCE : CONFIDENCE;
  const value = Math.min(Math.max(asked ?? middle, min ?? -Infinity), max ?? Infinity);
  return integer ? Math.min(Math.ceil(value), Math.floor(max ?? Infinity)) : value;
}

function boundOf(node: JsonSchema, inclusive: string, exclusive: string): number | undefined {
  const bound = node[inclusive] ?? node[exclusive];
  return typeof bound === 'number' ? bound : undefined;
}
