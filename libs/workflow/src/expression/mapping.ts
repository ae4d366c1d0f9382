import { compileExpression, type Expression, type Scope } from './expression.js';

/**
 * How a node makes its input from what came before: any JSON value in which a string that starts with `$` is a JSONata
 * expression and a string with `{{ }}` a template; every other value stands for itself.
 */
export type InputMapping = unknown;

/** A compiled {@link InputMapping} or prompt. */
export interface Mapping {
  readonly expressions: readonly Expression[];
  evaluate(scope: Scope): Promise<unknown>;
}

const MAX_DEPTH = 32;

/** @throws ExpressionSyntaxError at the first expression that cannot be read. */
export function compileMapping(source: InputMapping, depth = 0): Mapping {
  if (depth > MAX_DEPTH) throw new RangeError(`an input mapping may be nested ${MAX_DEPTH} levels deep`);
  if (typeof source === 'string') {
    return source.startsWith('$') ? expressionMapping(compileExpression(source)) : compileTemplate(source);
  }
  if (Array.isArray(source)) return listMapping(source.map((item) => compileMapping(item, depth + 1)));
  if (typeof source === 'object' && source !== null) {
    return objectMapping(Object.entries(source).map(([key, value]) => [key, compileMapping(value, depth + 1)]));
  }
  return constant(source);
}

/**
 * A text with `{{ expression }}` holes. A text that is nothing but one hole keeps the type of its value;
 * otherwise objects are written as JSON and a missing value as nothing.
 */
export function compileTemplate(source: string): Mapping {
  const parts = source.split(/\{\{(.*?)\}\}/s);
  if (parts.length === 1) return constant(source);
  const holes = parts.filter((_, index) => index % 2 === 1).map((text) => compileExpression(text.trim()));
  const [only] = holes;
  if (only && holes.length === 1 && parts[0] === '' && parts[2] === '') return expressionMapping(only);
  return {
    expressions: holes,
    async evaluate(scope) {
      const values = await Promise.all(holes.map((hole) => hole.evaluate(scope)));
      return parts.map((part, index) => (index % 2 === 0 ? part : textOf(values[(index - 1) / 2]))).join('');
    },
  };
}

/**
 * A URL: one expression that makes all of it, or a text whose holes are percent-encoded, so that a value stays in the part of the
 * URL where it was written.
 */
export function compileUrl(source: string): Mapping {
  if (source.startsWith('$')) return expressionMapping(compileExpression(source));
  const parts = source.split(/\{\{(.*?)\}\}/s);
  const holes = parts.filter((_, index) => index % 2 === 1).map((text) => compileExpression(text.trim()));
  const [only] = holes;
  if (only && holes.length === 1 && parts[0]?.trim() === '' && parts[2]?.trim() === '') return expressionMapping(only);
  return {
    expressions: holes,
    async evaluate(scope) {
      const values = await Promise.all(holes.map((hole) => hole.evaluate(scope)));
      return parts.map((part, index) => (index % 2 === 0 ? part : urlPart(values[(index - 1) / 2]))).join('');
    },
  };
}

function urlPart(value: unknown): string {
  const text = textOf(value);
  // These two are not encoded, and a path segment of them leads elsewhere.
  if (text === '.' || text === '..') throw new RangeError(`'${text}' cannot be a part of a URL`);
  return encodeURIComponent(text);
}

/** How a value reads inside a text. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function constant(value: unknown): Mapping {
  return { expressions: [], evaluate: () => Promise.resolve(value) };
}

function expressionMapping(expression: Expression): Mapping {
  return { expressions: [expression], evaluate: (scope) => expression.evaluate(scope) };
}

function listMapping(items: readonly Mapping[]): Mapping {
  return {
    expressions: items.flatMap((item) => item.expressions),
    evaluate: (scope) => Promise.all(items.map((item) => item.evaluate(scope))),
  };
}

function objectMapping(entries: readonly (readonly [string, Mapping])[]): Mapping {
  return {
    expressions: entries.flatMap(([, mapping]) => mapping.expressions),
    async evaluate(scope) {
      const values = await Promise.all(
        entries.map(async ([key, mapping]) => [key, await mapping.evaluate(scope)] as const),
      );
      // fromEntries defines own properties: a key such as __proto__ stays data.
      return Object.fromEntries(values);
    },
  };
}
