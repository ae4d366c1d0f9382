import type { WorkflowDefinition } from '../graph/definition.js';
import { type ExecutionTotals, NO_TOTALS, type NodeRecord } from '../ledger/execution.js';
import type { JsonValue } from '../ledger/json-value.js';

/** Adds up the nodes of a run. */
export function totalsOf(nodes: Iterable<NodeRecord>): ExecutionTotals {
  let totals = NO_TOTALS;
  for (const node of nodes) {
    if (node.status === 'skipped') continue;
    totals = {
      nodes: totals.nodes + 1,
      attempts: totals.attempts + node.attemptCount,
      retries: totals.retries + node.retryCount,
      fallbacks: totals.fallbacks + (node.fallbackLevel > 0 || (node.providerLevel ?? 0) > 0 ? 1 : 0),
      inputTokens: totals.inputTokens + (node.usage?.inputTokens ?? 0),
      outputTokens: totals.outputTokens + (node.usage?.outputTokens ?? 0),
      costUsd: totals.costUsd + (node.costUsd ?? 0),
    };
  }
  return totals;
}

export function isDegraded(nodes: Iterable<NodeRecord>): boolean {
  return [...nodes].some((node) => node.degraded || node.status === 'failed');
}

/** Results by name, of nodes that have one. */
export function resultsOf(
  finished: ReadonlyMap<string, NodeRecord>,
  names: Iterable<string>,
): Record<string, JsonValue> {
  const results: Record<string, JsonValue> = {};
  for (const name of names) {
    const record = finished.get(name);
    if (record?.status === 'succeeded') results[name] = record.result ?? null;
  }
  return results;
}

/** What a run without a declared output answers: the results that no other node waited for. */
export function leavesOf(definition: WorkflowDefinition): string[] {
  const waitedFor = new Set(definition.order.flatMap((name) => definition.nodes.get(name)?.after ?? []));
  return definition.order.filter((name) => !waitedFor.has(name));
}
