import { compileSchema } from '../schema/check-json.js';
import { badRequest } from './openai-problem.js';
import { isObject, type Json } from './read-body.js';

/** A JSON Schema that can be one. @throws OpenAiProblem for one that leads back to itself, elsewhere, or nowhere */
export function readSchema(value: unknown, path: string): Json {
  const refuse = (why: string) => badRequest(path, `'${path}' is no JSON Schema: ${why}.`, 'invalid_schema');
  if (!isObject(value)) throw refuse('it is no object');
  for (const ref of refsIn(value)) {
    const problem = refProblem(value, ref);
    if (problem !== undefined) throw refuse(problem);
  }
  try {
    compileSchema(value);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  return value;
}

function* refsIn(root: Json): Generator<string> {
  const nodes: unknown[] = [root];
  while (nodes.length > 0) {
    const node = nodes.pop();
    if (typeof node !== 'object' || node === null) continue;
    if (isObject(node) && typeof node['$ref'] === 'string') yield node['$ref'];
    nodes.push(...(Object.values(node) as unknown[]));
  }
}

/** A reference may lead back to a node above it, as in a tree, but not to nothing but references. */
function refProblem(root: Json, first: string): string | undefined {
  const seen = new Set<string>();
  for (let ref: unknown = first; typeof ref === 'string';) {
    if (!ref.startsWith('#')) return `$ref '${ref}' leads out of it`;
    if (seen.has(ref)) return `$ref '${ref}' leads back to itself`;
    seen.add(ref);
    const node = nodeAt(root, ref);
    if (node === undefined) return `$ref '${ref}' leads nowhere`;
    ref = isObject(node) && Object.keys(node).length === 1 ? node['$ref'] : undefined;
  }
  return undefined;
}

function nodeAt(root: Json, ref: string): unknown {
  if (ref === '#') return root;
  // An anchor: Ajv finds it, or says so.
  if (!ref.startsWith('#/')) return true;
  return ref
    .slice(2)
    .split('/')
    .map((step) => decoded(step).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((node, step) => (node as Json | undefined)?.[step], root);
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
