/** Where an expression certainly looks, from the top of its scope: `['input', 'order', 'id']`. Lists on the way count for their items. */
export type ReadPath = readonly string[];

/**
 * Collects every path that certainly starts at the scope: `$.parse.subject`, `parse.subject`, `$$.parse`, and what predicates and
 * blocks read of it. Inside grouping, sorting and functions the context is another one, so plain names there are left alone: a missed
 * name is found when the node runs, a wrongly reported one would refuse a good workflow.
 */
export function readPaths(ast: Node): readonly ReadPath[] {
  const paths: ReadPath[] = [];
  visit(ast, [], paths);
  return paths;
}

/** The names of an expression that is one path of names; filters aside. */
export function filteredPath({ type, steps = [], group }: Node): ReadPath | undefined {
  const names = steps[0]?.type === 'variable' ? steps.slice(1) : steps;
  const plain = type === 'path' && group === undefined && names.every((step) => step.type === 'name' && !step['focus']);
  const start = names.length === steps.length ? [] : startOf(steps[0] ?? {}, []);
  return plain && start && names.length > 0 ? names.map((step) => String(step.value)) : undefined;
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

/** Names at the top of a scope. */
export type ReadNames = ReadonlySet<string>;

/**
 * Every name that an expression can possibly read from the top of its scope: more than {@link readPaths} has, since any context may be
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

/** What plain names belong to; `undefined` where that cannot be told. */
type Context = ReadPath | undefined;

function visit(node: Node, context: Context, paths: ReadPath[]): void {
  if (node.type === 'path' && node.steps) {
    visitPath(node.steps, context, paths);
    visitChildren({ group: node.group }, undefined, paths);
    return;
  }
  if (node.type === 'name' && context) paths.push([...context, String(node.value)]);
  // A lambda's body runs in the context of its definition, but `$` inside is often re-bound by $map and friends.
  const keepsContext = node.type !== 'lambda' && node.type !== 'transform' && node.type !== 'sort';
  visitChildren(node, keepsContext ? context : undefined, paths);
}

function visitPath(steps: readonly Node[], context: Context, paths: ReadPath[]): void {
  const [first] = steps;
  const start = first?.type === 'variable' ? startOf(first, context) : context;
  // A name alone is read when the path ends there, or goes on where it cannot be followed.
  let at = start;
  for (const step of first?.type === 'variable' ? steps.slice(1) : steps) {
    if (step.type === 'name') at = at && [...at, String(step.value)];
    else {
      note(at, start, paths);
      visit({ ...step, stages: undefined, predicate: undefined }, at, paths);
      at = undefined;
    }
    visitChildren({ stages: step.stages, predicate: step.predicate }, at, paths);
    // `@$name` goes on from where the step began.
    if (step['focus'] !== undefined) {
      note(at, start, paths);
      at = undefined;
    }
  }
  note(at, start, paths);
  if (first?.type === 'variable') visitChildren({ stages: first.stages, predicate: first.predicate }, start, paths);
}

/** `$` is the context, `$$` the scope. */
function startOf({ value }: Node, context: Context): Context {
  return value === '' ? context : value === '$' ? [] : undefined;
}

function note(path: Context, start: Context, paths: ReadPath[]): void {
  if (path && path.length > (start?.length ?? 0)) paths.push(path);
}

function visitChildren(value: object, context: Context, paths: ReadPath[]): void {
  for (const child of Object.values(value) as unknown[]) visitAny(child, context, paths);
}

function visitAny(value: unknown, context: Context, paths: ReadPath[]): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) visitAny(item, context, paths);
  } else if (typeof value === 'object' && value !== null) {
    if ('type' in value) visit(value as Node, context, paths);
    else visitChildren(value, context, paths);
  }
}
