import { createPolicy, option } from '@nest-resilience/core';
import { compileExpression } from '../expression/expression.js';
import { compileMapping } from '../expression/mapping.js';
import { compileAction } from './actions.js';
import type { NodeDefinition } from './definition.js';
import type { NodeDraft, NodePolicies, WorkflowDraft } from './draft.js';
import { HEAL } from './heal.js';
import { fallbackNames, list } from './node-names.js';
import { type CompiledPolicies, compilePolicies, ERROR_OPTIONS, NO_POLICIES } from './policies.js';
import type { ProblemList } from './problems.js';

export function compileNode(
  node: NodeDraft,
  standby: boolean,
  ancestors: readonly string[],
  problems: ProblemList,
): NodeDefinition {
  const { name } = node;
  const policies = checkedPolicies(node, name, name, problems);
  return {
    name,
    after: [...new Set(list(node.after))],
    ancestors,
    standby,
    when:
      node.when === undefined
        ? undefined
        : problems.attempt(() => compileExpression(node.when ?? ''), name, ['nodes', name, 'when']),
    input:
      node.input === undefined
        ? undefined
        : problems.attempt(() => compileMapping(node.input), name, ['nodes', name, 'input']),
    optional: node.optional ?? false,
    deadLetter: node.deadLetter ?? false,
    fallback: fallbackNames(node),
    policies,
    expect:
      node.expect === undefined
        ? undefined
        : problems.attempt(() => compileExpression(node.expect ?? ''), name, ['nodes', name, 'expect']),
    heal: node.heal && problems.options(() => option.read(HEAL, node.heal, `${name} > heal`), name),
    action: compileAction(node, problems),
  };
}

/** A run has no input of its own to make keys of, and its deadline is its timeout. */
export function compileRunPolicies(
  { name, retry, circuitBreaker }: WorkflowDraft,
  problems: ProblemList,
): CompiledPolicies {
  if (retry === undefined && circuitBreaker === undefined) return NO_POLICIES;
  const written = { ...(retry !== undefined && { retry }), ...(circuitBreaker !== undefined && { circuitBreaker }) };
  return checkedPolicies(written, name, undefined, problems);
}

function checkedPolicies(
  written: NodePolicies,
  name: string,
  node: string | undefined,
  problems: ProblemList,
): CompiledPolicies {
  const at = node === undefined ? [] : ['nodes', node];
  const policies = problems.attempt(() => compilePolicies(written), node, at) ?? NO_POLICIES;
  problems.options(() => createPolicy({ name, ...policies.options }), node, alsoTaken);
  return policies;
}

function alsoTaken(option: string): string {
  if ((ERROR_OPTIONS as readonly string[]).includes(option)) return ", or words such as 'rate_limit' or 'TypeError'";
  return option === 'key' ? ', or a JSONata expression' : '';
}
