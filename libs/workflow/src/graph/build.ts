import { parseDuration } from '@nest-resilience/core';
import { didYouMean, readJsonSchema } from '@nest-resilience/core/kit';
import { compileMapping } from '../expression/mapping.js';
import { compileNode, compileRunPolicies } from './compile-node.js';
import { ancestorsOf, sortGraph } from './cycles.js';
import type { NodeDefinition, WorkflowDefinition } from './definition.js';
import type { NodeDraft, WorkflowDraft } from './draft.js';
import { WorkflowDefinitionError, type WorkflowProblem } from './errors.js';
import { healNodes } from './heal.js';
import { compileInputSchema } from './input-schema.js';
import { byPriority, fallbackNames, helpers, list } from './node-names.js';
import { ProblemList } from './problems.js';
import { checkReads } from './reads.js';
import { hashOf } from './version.js';

/** Nodes of one workflow, standby nodes included. */
export const MAX_NODES = 1_000;

/** Names that expressions read beside the nodes. */
const RESERVED = ['input', 'errors', 'heal', 'served'];

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/;

/** Compiles a draft. @throws {@link WorkflowDefinitionError} with everything that is wrong with it. */
export function buildWorkflow(draft: WorkflowDraft): WorkflowDefinition {
  const { definition, problems } = checkWorkflow(draft);
  if (!definition) throw new WorkflowDefinitionError(problems);
  return definition;
}

/** Like {@link buildWorkflow}, for callers that collect the problems of several workflows. */
export function checkWorkflow(draft: WorkflowDraft): {
  definition?: WorkflowDefinition;
  problems: readonly WorkflowProblem[];
} {
  const problems = new ProblemList(draft);
  // First: what follows may cost the square of them.
  const tooMany = nodesProblem(draft.nodes.length);
  if (tooMany) {
    problems.add(tooMany, undefined, ['nodes']);
    return { problems: problems.problems };
  }
  checkNames(draft, problems);
  const drafts = new Map(draft.nodes.map((node) => [node.name, node]));
  const standby = new Set(draft.nodes.flatMap((node) => helpers(node)));
  checkEdges(drafts, standby, problems);

  const waits = new Map(
    [...drafts].map(
      ([name, node]) => [name, [...new Set(list(node.after))].filter((other) => drafts.has(other))] as const,
    ),
  );
  const { order, cycles } = sortGraph(waits);
  for (const cycle of cycles)
    problems.add(`waits for itself: ${cycle.join(' -> ')}`, cycle[0], ['nodes', cycle[0] ?? '', 'after']);
  const stands = sortGraph(new Map([...drafts].map(([name, node]) => [name, [...new Set(helpers(node))]])));
  for (const cycle of stands.cycles)
    problems.add(`is its own fallback: ${[...cycle].reverse().join(' -> ')}`, cycle[0], [
      'nodes',
      cycle[0] ?? '',
      'fallback',
    ]);

  const ancestors = visibleNodes(drafts, order, [...stands.order].reverse(), ancestorsOf(order, waits));
  const nodes = new Map<string, NodeDefinition>();
  for (const [name, node] of drafts) {
    nodes.set(name, compileNode(node, standby.has(name), [...(ancestors.get(name) ?? [])], problems));
  }
  const output =
    draft.output === undefined
      ? undefined
      : problems.attempt(() => compileMapping(draft.output), undefined, ['output']);
  const { input: given } = draft;
  const input = given && problems.attempt(() => readJsonSchema(given), undefined, ['input']);
  const sound = input && problems.attempt(() => compileInputSchema(input), undefined, ['input']);
  checkReads({ nodes, drafts, output, schema: sound && input, problems });
  const deadlineMs = draft.deadline === undefined ? undefined : parseDuration(draft.deadline);
  if (draft.deadline !== undefined && !(deadlineMs !== undefined && deadlineMs > 0)) {
    problems.add(`deadline '${draft.deadline}' is no duration such as '2m' or 120000`, undefined, ['deadline']);
  }
  const policies = compileRunPolicies(draft, problems);
  if (problems.problems.length > 0) return { problems: problems.problems };

  const { locate: _, file: __, ...declared } = draft;
  const definition: WorkflowDefinition = {
    name: draft.name,
    version: hashOf(declared),
    description: draft.description,
    inputSchema: input,
    nodes,
    order: order.filter((name) => !standby.has(name)),
    output,
    deadlineMs,
    join: draft.join ?? false,
    deadLetter: draft.deadLetter ?? true,
    fallback: byPriority(
      (draft.fallback ?? []).map((entry) => (typeof entry === 'string' ? { workflow: entry } : entry)),
    ).map((entry) => entry.workflow),
    policies,
    requireHealth: draft.requireHealth ?? false,
    draft,
  };
  return { definition, problems: [] };
}

/** What is wrong with so many nodes. */
export function nodesProblem(count: number): string | undefined {
  return count > MAX_NODES ? `has ${count} nodes; at most ${MAX_NODES} are allowed` : undefined;
}

function checkNames(draft: WorkflowDraft, problems: ProblemList): void {
  if (!NAME.test(draft.name))
    problems.add(`'${draft.name}' is no name: letters, digits, - and _, at most 100`, undefined, ['name']);
  if (draft.nodes.length === 0) problems.add('has no nodes', undefined, ['nodes']);
  const seen = new Set<string>();
  for (const { name } of draft.nodes) {
    if (seen.has(name)) problems.add('is declared twice', name);
    seen.add(name);
    // Names become keys of the scope that expressions read.
    if (!NAME.test(name)) problems.add(`'${name}' is no name: letters, digits, - and _, at most 100`, name);
    else if (RESERVED.includes(name) || name in Object.prototype)
      problems.add(`'${name}' is reserved; choose another name`, name);
  }
}

function checkEdges(drafts: ReadonlyMap<string, NodeDraft>, standby: ReadonlySet<string>, problems: ProblemList): void {
  const names = [...drafts.keys()];
  for (const [name, node] of drafts) {
    if (problems.full) return;
    for (const other of new Set(list(node.after))) {
      if (problems.full) return;
      if (!drafts.has(other)) problems.add(unknownNode('waits for', other, names), name, ['nodes', name, 'after']);
      else if (standby.has(other)) {
        problems.add(
          `waits for '${other}', which runs only in place of another node or to heal it; wait for that one`,
          name,
          ['nodes', name, 'after'],
        );
      }
    }
    if (standby.has(name) && list(node.after).length > 0) {
      problems.add('is a fallback and waits for whatever the node waits for that it replaces; remove "after"', name, [
        'nodes',
        name,
        'after',
      ]);
    }
    for (const other of fallbackNames(node)) {
      if (!drafts.has(other))
        problems.add(unknownNode('falls back to', other, names), name, ['nodes', name, 'fallback']);
    }
    for (const { node: other, path } of healNodes(node.heal)) {
      if (!drafts.has(other))
        problems.add(unknownNode('heals with', other, names), name, ['nodes', name, 'heal', ...path]);
    }
  }
}

export function unknownNode(verb: string, other: string, names: readonly string[]): string {
  return `${verb} '${other}', which is no node of this workflow${didYouMean(other, names)}`;
}

/** A standby node sees what every node sees that it may stand in for. */
function visibleNodes(
  drafts: ReadonlyMap<string, NodeDraft>,
  order: readonly string[],
  primariesFirst: readonly string[],
  ancestors: ReadonlyMap<string, ReadonlySet<string>>,
): Map<string, ReadonlySet<string>> {
  const visible = new Map(order.map((name) => [name, ancestors.get(name) ?? new Set<string>()]));
  const narrowed = new Set<string>();
  for (const primary of primariesFirst) {
    const node = drafts.get(primary);
    for (const name of new Set(node ? helpers(node) : [])) {
      const own = visible.get(primary) ?? new Set<string>();
      const before = narrowed.has(name) ? visible.get(name) : undefined;
      visible.set(name, before ? new Set([...own].filter((other) => before.has(other))) : own);
      narrowed.add(name);
    }
  }
  return visible;
}
