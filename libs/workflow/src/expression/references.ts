import type jsonata from 'jsonata';

/** Where an expression certainly looks, from the top of its scope: `['input', 'order', 'id']`. Lists on the way count for their items. */
export type ReadPath = readonly string[];

/**
 * Collects every path that certainly starts at the scope: `$.parse.subject`, `parse.subject`, `$$.parse`, and what predicates and
 * blocks read of it. Inside grouping, sorting and functions the context is another one, so plain names there are left alone: a missed
 * name is found when the node runs, a wrongly reported one would refuse a good workflow.
 */
export function readPaths(ast: jsonata.ExprNode): readonly ReadPath[] {
  const paths: ReadPath[] = [];
  visit(ast as Node, [], paths);
  return paths;
}

/** The names of an expression that is one path of names; filters aside. */
export function plainPath(ast: jsonata.ExprNode): ReadPath | undefined {
  const { type, steps = [], group } = ast as Node;
  const names = steps[0]?.type === 'variable' ? steps.slice(1) : steps;
  const plain = type === 'path' && group === undefined && names.every((step) => step.type === 'name' && !step['focus']);
  const start = names.length === steps.length ? [] : startOf(steps[0] ?? {}, []);
  return plain && start && names.length > 0 ? names.map((step) => String(step.value)) : undefined;
}

/** The parser's nodes carry more shapes than its published type. */
interface Node {
  readonly type?: string;
  readonly value?: unknown;
  readonly steps?: readonly Node[];
  readonly [property: string]: unknown;
}

/** What plain names belong to; `undefined` where that cannot be told. */
type Context = ReadPath | undefined;

function visit(node: Node, context: Context, paths: ReadPath[]): void {
  if (node.type === 'path' && node.steps) {
    visitPath(node.steps, context, paths);
    visitChildren({ group: node['group'] }, undefined, paths);
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
    visitChildren({ stages: step['stages'], predicate: step['predicate'] }, at, paths);
    // `@$name` goes on from where the step began.
    if (step['focus'] !== undefined) {
      note(at, start, paths);
      at = undefined;
    }
  }
  note(at, start, paths);
  if (first?.type === 'variable')
    visitChildren({ stages: first['stages'], predicate: first['predicate'] }, start, paths);
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
