import { compileExpression, type Expression, type Scope } from './expression.js';
import type { HoleRule, HoleRules } from './hole-rules.js';
import { textOf } from './text-of.js';

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

/**
 * @param rules for `{{ }}`; an expression that starts with `$` may come to nothing
 * @throws ExpressionSyntaxError at the first expression that cannot be read.
 */
export function compileMapping(source: InputMapping, rules: HoleRules = {}, depth = 0): Mapping {
  if (depth > MAX_DEPTH) throw new RangeError(`an input mapping may be nested ${MAX_DEPTH} levels deep`);
  if (typeof source === 'string') {
    return source.startsWith('$') ? expressionMapping(compileExpression(source)) : compileTemplate(source, rules);
  }
  const inner = (value: unknown): Mapping => compileMapping(value, rules, depth + 1);
  if (Array.isArray(source)) return listMapping(source.map(inner));
  if (typeof source === 'object' && source !== null) {
    return objectMapping(Object.entries(source).map(([key, value]) => [key, inner(value)]));
  }
  return constant(source);
}

/**
 * A text with `{{ expression }}` holes. A text that is nothing but one hole keeps the type of its value;
 * otherwise objects are written as JSON and a missing value as nothing.
 */
export function compileTemplate(source: string, { whole, within }: HoleRules = {}): Mapping {
  const { parts, holes } = splitTemplate(source);
  const [only] = holes;
  if (!only) return constant(source);
  if (parts.join('') === '' && holes.length === 1) return holeMapping(only, whole);
  return filled(parts, holes, textOf, within);
}

/**
 * A URL: one expression that makes all of it, or a text whose holes are percent-encoded, so that a value stays in the part of the
 * URL where it was written.
 */
export function compileUrl(source: string, { whole, within }: Required<HoleRules>): Mapping {
  if (source.startsWith('$')) return expressionMapping(compileExpression(source), source, whole);
  const { parts, holes } = splitTemplate(source);
  const [only] = holes;
  if (only && parts.join('').trim() === '' && holes.length === 1) return holeMapping(only, whole);
  return filled(parts, holes, (value) => encodeURIComponent(textOf(value)), within);
}

/** Text and holes in turn, text first and last. */
function splitTemplate(source: string): { readonly parts: readonly string[]; readonly holes: readonly Expression[] } {
  const pieces = source.split(/\{\{(.*?)\}\}/s);
  return {
    parts: pieces.filter((_, index) => index % 2 === 0),
    holes: pieces.filter((_, index) => index % 2 === 1).map((text) => compileExpression(text.trim())),
  };
}

function filled(
  parts: readonly string[],
  holes: readonly Expression[],
  write: (value: unknown) => string,
  rule?: HoleRule,
): Mapping {
  const values = holes.map((hole) => holeMapping(hole, rule));
  return {
    expressions: holes,
    async evaluate(scope) {
      const found = await Promise.all(values.map((value) => value.evaluate(scope)));
      return parts.map((part, index) => (index === 0 ? part : write(found[index - 1]) + part)).join('');
    },
  };
}

function constant(value: unknown): Mapping {
  return { expressions: [], evaluate: () => Promise.resolve(value) };
}

function holeMapping(hole: Expression, rule?: HoleRule): Mapping {
  return expressionMapping(hole, `{{ ${hole.source} }}`, rule);
}

function expressionMapping(expression: Expression, written = expression.source, rule?: HoleRule): Mapping {
  const expressions = [expression];
  if (!rule) return { expressions, evaluate: (scope) => expression.evaluate(scope) };
  return {
    expressions,
    async evaluate(scope) {
      const value = await expression.evaluate(scope);
      rule(value, written);
      return value;
    },
  };
}

function listMapping(items: readonly Mapping[]): Mapping {
  return {
    expressions: items.flatMap((item) => item.expressions),
    evaluate: (scope) => Promise.all(items.map((item) => item.evaluate(scope))),
  };
}

/** Evaluates the parts of an object. */
export function objectMapping(entries: readonly (readonly [string, Mapping])[]): Mapping {
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
