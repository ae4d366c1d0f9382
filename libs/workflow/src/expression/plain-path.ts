import type { Node } from './references.js';

/** The names of an expression that is nothing but a path of names from the scope, e.g. `input.order.id` or `$.parse`. */
export function plainPath(node: Node): readonly string[] | undefined {
  if (node.type !== 'path' || !node.steps || Object.keys(node).some((key) => !['type', 'steps'].includes(key)))
    return undefined;
  const [first, ...rest] = node.steps;
  const fromScope = first?.type === 'variable' && (first.value === '' || first.value === '$') && rest.length > 0;
  const steps = fromScope ? rest : node.steps;
  const plain = steps.every(
    (step) => step.type === 'name' && Object.keys(step).every((key) => ['type', 'value', 'position'].includes(key)),
  );
  return plain ? steps.map(({ value }) => String(value)) : undefined;
}

/** A path that leads through a list, which JSONata follows into each item. */
export const THROUGH_LIST = Symbol('through a list');

/** What JSONata makes of a plain path that leads through no list. */
export function readPath(path: readonly string[], scope: unknown): unknown {
  let at = scope;
  for (const name of path) {
    if (Array.isArray(at)) return THROUGH_LIST;
    if (typeof at !== 'object' || at === null) return typeof at === 'function' ? THROUGH_LIST : undefined;
    const { _jsonata_function, _jsonata_lambda } = at as Record<string, unknown>;
    if (_jsonata_function === true || _jsonata_lambda === true || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  // A list that JSONata made itself, in a result that was not stored yet, has rules of its own.
  return Array.isArray(at) && 'sequence' in at ? THROUGH_LIST : at;
}
