import type { WorkflowDefinition } from '../graph/definition.js';

export function workflowSummary({ name, version, description, order, draft }: WorkflowDefinition) {
  return {
    name,
    version,
    ...(description && { description }),
    nodes: order.length,
    source: sourceOf(draft),
  };
}

/** The graph of a workflow, as a page can draw it. */
export function workflowView(definition: WorkflowDefinition) {
  const { name, version, description, inputSchema, deadlineMs, join, deadLetter, fallback, draft, nodes, order } =
    definition;
  return {
    name,
    version,
    ...(description && { description }),
    source: sourceOf(draft),
    ...(inputSchema && { input: inputSchema }),
    ...(draft.output !== undefined && { output: draft.output }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    join,
    deadLetter,
    fallback,
    nodes: [...nodes.values()].map((node) => {
      return {
        name: node.name,
        type: node.action.type,
        ...(node.action.type === 'call' && { call: node.action.target }),
        after: node.after,
        ...(node.when && { when: node.when.source }),
        fallback: node.fallback,
        /** Runs only in place of another node. */
        standby: node.standby,
        optional: node.optional,
        policies: node.policies.options,
      };
    }),
    order,
  };
}

function sourceOf({ file }: WorkflowDefinition['draft']): 'file' | 'code' {
  return file ? 'file' : 'code';
}
