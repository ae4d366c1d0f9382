import type jsonata from 'jsonata';

/** Names that an expression reads from the top of its scope. */
export type ReadNames = ReadonlySet<string>;

/**
 * Collects the first names of every path that certainly starts at the scope: `$.parse.subject`, `parse.subject`, `$$.parse`.
 * Inside predicates, grouping and functions the context is another one, so plain names there are left alone: a missed name is
 * found when the node runs, a wrongly reported one would refuse a good workflow.
 */
export function readNames(ast: jsonata.ExprNode): ReadNames {
  const names = new Set<string>();
  visit(ast as Node, true, names);
  return names;
}

/** The parser's nodes carry more shapes than its published type. */
interface Node {
  readonly type?: string;
  readonly value?: unknown;
  readonly steps?: readonly Node[];
  readonly [property: string]: unknown;
}

function visit(node: Node, atRoot: boolean, names: Set<string>): void {
  if (node.type === 'path' && node.steps) {
    visitPath(node.steps, atRoot, names);
    visitChildren({ group: node['group'] }, false, names);
    return;
  }
  if (node.type === 'name' && atRoot) names.add(String(node.value));
  // A lambda's body runs in the context of its definition, but `$` inside is often re-bound by $map and friends.
  const keepsContext = node.type !== 'lambda' && node.type !== 'transform' && node.type !== 'sort';
  visitChildren(node, atRoot && keepsContext, names);
}

function visitPath(steps: readonly Node[], atRoot: boolean, names: Set<string>): void {
  const [first, second] = steps;
  if (!first) return;
  const isContext = first.type === 'variable' && first.value === '' && atRoot;
  const isRoot = first.type === 'variable' && first.value === '$';
  if (isContext || isRoot) {
    if (second?.type === 'name') names.add(String(second.value));
  } else {
    visit({ ...first, stages: undefined }, atRoot, names);
  }
  for (const step of steps) visitChildren({ stages: step['stages'], predicate: step['predicate'] }, false, names);
  for (const step of steps.slice(1)) if (step.type !== 'name') visit(step, false, names);
}

function visitChildren(value: object, atRoot: boolean, names: Set<string>): void {
  for (const child of Object.values(value) as unknown[]) visitAny(child, atRoot, names);
}

function visitAny(value: unknown, atRoot: boolean, names: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) visitAny(item, atRoot, names);
  } else if (typeof value === 'object' && value !== null) {
    if ('type' in value) visit(value as Node, atRoot, names);
    else visitChildren(value, atRoot, names);
  }
}
