/** Names that an expression reads from the top of its scope. */
export type ReadNames = ReadonlySet<string>;

/**
 * Collects the first names of every path that certainly starts at the scope: `$.parse.subject`, `parse.subject`, `$$.parse`.
 * Inside predicates, grouping and functions the context is another one, so plain names there are left alone: a missed name is
 * found when the node runs, a wrongly reported one would refuse a good workflow.
 */
export function readNames(ast: Node): ReadNames {
  const names = new Set<string>();
  visit(ast, true, names);
  return names;
}

/** The parser's nodes carry more shapes than its published type. */
export interface Node {
  readonly type?: string;
  readonly value?: unknown;
  readonly steps?: readonly Node[];
  readonly group?: unknown;
  readonly predicate?: unknown;
  readonly stages?: unknown;
  readonly [property: string]: unknown;
}

/**
 * Every name that an expression can possibly read from the top of its scope: more than {@link readNames} has, since any context may be
 * the scope. `undefined` when it may read all of it.
 */
export function reachableNames(ast: Node): ReadNames | undefined {
  const names = new Set<string>();
  return reach(ast, names) ? names : undefined;
}

/** Nodes whose value is all that is in their context. */
const WHOLE_CONTEXT = new Set(['variable', 'wildcard', 'descendant', 'parent', 'transform', 'partial']);

/** Functions that take their context for the argument that is missing. */
const OF_CONTEXT = new Set(['lookup', 'each', 'sift']);

function reach(node: Node, names: Set<string>): boolean {
  if (node.type === 'name') names.add(String(node.value));
  if (node.type === 'variable' && node.value !== '' && node.value !== '$')
    return reachChildren({ ...node, value: 0 }, names);
  if (node.type !== undefined && WHOLE_CONTEXT.has(node.type)) return false;
  if (node.type === 'lambda' && node['signature'] !== undefined) return false;
  if (node.type === 'function') {
    const given = (node['arguments'] as readonly unknown[]).length;
    if (given === 0 || (given === 1 && OF_CONTEXT.has(String((node['procedure'] as Node).value)))) return false;
  }
  if (node.type !== 'path' || !node.steps) return reachChildren(node, names);
  const [first, second] = node.steps;
  const fromTop = first?.type === 'variable' && (first.value === '' || first.value === '$');
  if (fromTop && (second?.type !== 'name' || first.stages !== undefined || first.predicate !== undefined)) return false;
  const steps = node.steps.map((step, index) =>
    (step.type === 'name' && index > (fromTop ? 1 : 0)) || (fromTop && index === 0)
      ? { ...step, type: undefined }
      : step,
  );
  return reachChildren({ ...node, steps }, names);
}

function reachChildren(value: object, names: Set<string>): boolean {
  return (Object.values(value) as unknown[]).every((child) => {
    if (typeof child !== 'object' || child === null) return true;
    if (Array.isArray(child)) return reachChildren(child, names);
    return 'type' in child && child.type !== undefined ? reach(child as Node, names) : reachChildren(child, names);
  });
}

function visit(node: Node, atRoot: boolean, names: Set<string>): void {
  if (node.type === 'path' && node.steps) {
    visitPath(node.steps, atRoot, names);
    visitChildren({ group: node.group }, false, names);
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
  for (const step of steps) visitChildren({ stages: step.stages, predicate: step.predicate }, false, names);
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
