import type { EachAction, HttpAction, NodeAction, NodeDraft, WorkflowDraft } from '../../graph/draft.js';
import { nodesProblem } from '../../graph/build.js';
import type { WorkflowProblem } from '../../graph/errors.js';
import { MAX_PROBLEMS } from '../../graph/problems.js';
import { readYaml } from './read-yaml.js';
import { schemaProblems } from './schema-problems.js';

/** A file's draft, if enough of it could be read, and everything wrong with its text and shape. */
export interface ParsedWorkflow {
  readonly draft?: WorkflowDraft;
  readonly problems: readonly WorkflowProblem[];
}

/** Reads one workflow from YAML or JSON text. Never throws: what is wrong is listed with line and column. */
export function parseWorkflow(text: string, file: string): ParsedWorkflow {
  const problem = (message: string, place: object = {}, workflow = file): WorkflowProblem => ({
    workflow,
    message,
    file,
    ...place,
  });
  const read = readYaml(text);
  if (read.problems) return { problems: read.problems.map(({ message, ...place }) => problem(message, place)) };
  const { value, locate } = read;
  const name = nameOf(value) ?? file;
  const tooMany = nodesProblem(Object.keys((value as { nodes?: object } | null)?.nodes ?? {}).length);
  if (tooMany) return { problems: [problem(tooMany, locate(['nodes']), name)] };
  const shape = schemaProblems(value);
  const problems = shape.map(({ path, message }) => ({
    ...problem(message, locate(path), name),
    ...(path[0] === 'nodes' && path[1] !== undefined && { node: path[1] }),
  }));
  const outside = shape.length >= MAX_PROBLEMS || shape.some(({ path }) => path[0] !== 'nodes' || path.length < 2);
  if (outside) return { problems };
  const broken = new Set(shape.map(({ path }) => path[1] ?? ''));
  return { draft: toDraft(value as FileContent, broken, file, locate), problems };
}

type FileNode = Omit<NodeDraft, 'name' | 'action' | 'fallback'> &
  FileAction & { readonly description?: string; readonly fallback?: string | NodeDraft['fallback'] };
type FileContent = Omit<WorkflowDraft, 'nodes' | 'file' | 'locate'> & {
  readonly $schema?: string;
  readonly nodes: Readonly<Record<string, FileNode>>;
};
type FileEach = Omit<EachAction, 'action'> & FileAction;
interface FileAction {
  readonly llm?: Extract<NodeAction, { type: 'llm' }>['llm'];
  readonly http?: HttpAction;
  readonly call?: string;
  readonly transform?: unknown;
  readonly constant?: unknown;
  readonly each?: FileEach;
}

function toDraft(
  { $schema: _, nodes, ...settings }: FileContent,
  broken: ReadonlySet<string>,
  file: string,
  locate: WorkflowDraft['locate'],
): WorkflowDraft {
  return {
    ...settings,
    // A node with a wrong shape stands in for itself, so that the rest of the graph can still be checked in the same go.
    nodes: Object.entries(nodes).map(([name, node]) =>
      broken.has(name) ? { name, action: { type: 'constant', value: null } } : toNode(name, node),
    ),
    file,
    ...(locate && { locate }),
  };
}

function toNode(
  name: string,
  { llm, http, call, transform, constant, each, fallback, description: _, ...settings }: FileNode,
): NodeDraft {
  const action = { llm, http, call, transform, constant };
  return {
    ...settings,
    ...(fallback !== undefined && { fallback: typeof fallback === 'string' ? [fallback] : fallback }),
    name,
    action: each ? { type: 'each', each: toEach(each) } : toItemAction(action),
  };
}

function toEach({ items, as, concurrency, partial, ...action }: FileEach): EachAction {
  return {
    items,
    ...(as !== undefined && { as }),
    ...(concurrency !== undefined && { concurrency }),
    ...(partial !== undefined && { partial }),
    action: toItemAction(action),
  };
}

function toItemAction({ llm, http, call, transform, constant }: FileAction): EachAction['action'] {
  if (llm) return { type: 'llm', llm };
  if (http) return { type: 'http', http };
  if (call !== undefined) return { type: 'call', target: call };
  if (transform !== undefined) return { type: 'transform', transform };
  return { type: 'constant', value: constant };
}

function nameOf(value: unknown): string | undefined {
  const name = (value as { name?: unknown } | null)?.name;
  return typeof name === 'string' && name.length > 0 && name.length <= 100 ? name : undefined;
}
