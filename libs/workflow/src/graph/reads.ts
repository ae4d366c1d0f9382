import { didYouMean } from '@nest-resilience/core/kit';
import type { Expression } from '../expression/expression.js';
import type { Mapping } from '../expression/mapping.js';
import { unknownProperty } from './closed-input.js';
import type { CompiledAction, ItemAction, NodeDefinition } from './definition.js';
import type { JsonSchema, NodeDraft } from './draft.js';
import type { ProblemList } from './problems.js';

interface Reader {
  readonly nodes: ReadonlyMap<string, NodeDefinition>;
  readonly drafts: ReadonlyMap<string, NodeDraft>;
  readonly output: Mapping | undefined;
  /** Of the input, when it is a good one. */
  readonly schema: JsonSchema | undefined;
  readonly problems: ProblemList;
}

/**
 * Refuses expressions that read a node which does not exist or has not certainly ended, or what no valid input has: they would find
 * nothing, silently.
 */
export function checkReads({ nodes, output, schema = {}, problems }: Reader): void {
  const names = [...nodes.keys()];
  for (const node of nodes.values()) {
    if (problems.full) return;
    const ended = new Set([...ALWAYS, ...node.ancestors]);
    for (const { expressions, path, local } of readsOf(node)) {
      for (const name of namesIn(expressions)) {
        if (problems.full) return;
        if (!ended.has(name) && !local.includes(name))
          problems.add(explain(name, node, names), node.name, ['nodes', node.name, ...path]);
      }
      for (const problem of inputProblems(expressions, schema))
        problems.add(problem, node.name, ['nodes', node.name, ...path]);
    }
  }
  for (const name of namesIn(output?.expressions ?? [])) {
    if (!ALWAYS.includes(name) && !nodes.has(name))
      problems.add(`the output reads '${name}', which is no node${didYouMean(name, names)}`, undefined, ['output']);
  }
  for (const problem of inputProblems(output?.expressions ?? [], schema)) problems.add(problem, undefined, ['output']);
}

function inputProblems(expressions: readonly Expression[], schema: JsonSchema): string[] {
  const problems = expressions.flatMap(({ source, paths }) =>
    paths.flatMap((path) => {
      const unknown = path[0] === 'input' ? unknownProperty(schema, path) : undefined;
      if (!unknown) return [];
      const { path: read, nearest: near, known } = unknown;
      const list = known.length > 0 ? `; known: ${known.join(', ')}` : '';
      return `'${source}' reads '${read}', which the input schema does not allow${near ? ` (did you mean '${near}'?)` : ''}${list}`;
    }),
  );
  return [...new Set(problems)];
}

function explain(name: string, node: NodeDefinition, names: readonly string[]): string {
  if (!names.includes(name))
    return `reads '${name}', which is neither "input" nor a node${didYouMean(name, [...names, 'input'])}`;
  if (name === node.name) return 'reads its own result';
  return node.standby
    ? `reads '${name}', which need not have ended when this fallback runs`
    : `reads '${name}' without waiting for it; add it to "after"`;
}

interface Reads {
  readonly expressions: readonly Expression[];
  readonly path: readonly string[];
  /** Names that exist only here. */
  readonly local: readonly string[];
}

/** Names that are there beside the nodes. */
const ALWAYS = ['input', 'errors', 'heal', 'served'];

function readsOf({ when, input, action, expect, policies }: NodeDefinition): Reads[] {
  const local = action.type === 'each' ? [action.as, 'index'] : [];
  return [
    { expressions: when ? [when] : [], path: ['when'], local: [] },
    { expressions: input?.expressions ?? [], path: ['input'], local },
    { expressions: expect ? [expect] : [], path: ['expect'], local: [...local, 'result'] },
    ...[...policies.keys].map(([policy, key]) => ({
      expressions: typeof key === 'object' ? [key] : [],
      path: [policy, 'key'],
      local,
    })),
    { expressions: action.type === 'each' ? [action.items] : [], path: ['each', 'items'], local: [] },
    {
      expressions: action.type === 'each' ? expressionsOf(action.action) : expressionsOf(action),
      path: [action.type],
      local,
    },
  ];
}

function expressionsOf(action: CompiledAction | ItemAction): readonly Expression[] {
  if (action.type === 'transform') return action.transform.expressions;
  if (action.type === 'http') {
    const { url, headers, query, body } = action.http;
    return [url, headers, query, body].flatMap((part) => part?.expressions ?? []);
  }
  return action.type === 'llm' ? action.messages.flatMap((message) => message.content.expressions) : [];
}

function namesIn(expressions: readonly Expression[]): Set<string> {
  return new Set(expressions.flatMap((expression) => [...expression.reads]));
}
