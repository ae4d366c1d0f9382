import type { WorkflowDefinition } from '../graph/definition.js';
import {
  addCosts,
  type ExecutionTotals,
  knownCost,
  type LlmUsage,
  MAX_ATTEMPTS_KEPT,
  NO_TOTALS,
  type NodeRecord,
} from '../ledger/execution.js';
import type { StructuredError } from '../ledger/structured-error.js';
import type { LargeLists } from './large-lists.js';

/** Adds up the nodes of a run. */
export function totalsOf(nodes: Iterable<NodeRecord>): ExecutionTotals {
  let totals = NO_TOTALS;
  let costUsd: number | undefined = 0;
  for (const node of nodes) {
    if (node.status === 'skipped') continue;
    totals = {
      nodes: totals.nodes + 1,
      attempts: totals.attempts + node.attemptCount,
      retries: totals.retries + node.retryCount,
      fallbacks: totals.fallbacks + (node.fallbackLevel > 0 || (node.providerLevel ?? 0) > 0 ? 1 : 0),
      inputTokens: totals.inputTokens + (node.usage?.inputTokens ?? 0),
      outputTokens: totals.outputTokens + (node.usage?.outputTokens ?? 0),
    };
    costUsd = addCosts(costUsd, costOf(node));
  }
  const { costUsd: _, ...counts } = totals;
  return { ...counts, ...knownCost({ ...counts, costUsd }) };
}

/** What something took, as its record has it. */
export type Spent = Pick<
  NodeRecord,
  'attempts' | 'attemptCount' | 'retryCount' | 'usage' | 'costUsd' | 'heals' | 'provider' | 'providerLevel'
>;

/** Without usage it cost nothing. */
export function costOf({ usage, costUsd }: Spent): number | undefined {
  return usage === undefined ? (costUsd ?? 0) : costUsd;
}

/** A node, or an item, that ran in an earlier go of the same run: its attempts count on. */
export function withEarlier<T extends Spent & Pick<NodeRecord, 'startedAt'>>(record: T, earlier: T | undefined): T {
  if (!earlier) return record;
  const offset = earlier.attemptCount;
  const attempts = record.attempts.map((attempt) => ({ ...attempt, number: attempt.number + offset }));
  const heals = [...(earlier.heals ?? []), ...(record.heals ?? [])];
  const costUsd = addCosts(costOf(earlier), costOf(record));
  const usage = earlier.usage ?? record.usage;
  const counted = {
    ...record,
    startedAt: earlier.startedAt,
    attempts: [...earlier.attempts, ...attempts].slice(-MAX_ATTEMPTS_KEPT),
    attemptCount: offset + record.attemptCount,
    retryCount: earlier.retryCount + record.retryCount + Math.min(1, record.attemptCount),
    ...(heals.length > 0 && { heals }),
    // What a failed go cost is spent all the same.
    ...(usage && { usage: addUsage(earlier.usage, record.usage) }),
    ...(costUsd !== undefined && { costUsd }),
  };
  if (costUsd === undefined || (!usage && costUsd === 0)) delete (counted as { costUsd?: number }).costUsd;
  return counted;
}

export function addUsage(a: LlmUsage | undefined, b: LlmUsage | undefined): LlmUsage {
  return {
    inputTokens: (a?.inputTokens ?? 0) + (b?.inputTokens ?? 0),
    outputTokens: (a?.outputTokens ?? 0) + (b?.outputTokens ?? 0),
    ...((a?.estimated ?? b?.estimated) && { estimated: true }),
  };
}

export function isDegraded(nodes: Iterable<NodeRecord>): boolean {
  return [...nodes].some((node) => node.degraded || node.status === 'failed');
}

/** Results by name, of nodes that have one. */
export function resultsOf(
  finished: ReadonlyMap<string, NodeRecord>,
  names: Iterable<string>,
  lists: LargeLists,
): Record<string, unknown> {
  const results: Record<string, unknown> = {};
  for (const name of names) {
    const record = finished.get(name);
    if (record?.status === 'succeeded') results[name] = lists.resultOf(record);
  }
  return results;
}

/** How a node's result came about, as expressions see it. */
export interface ServedBy {
  /** Of an llm node. */
  readonly provider?: string;
  /** Of that provider in its chain, or of the fallback that served; 0 the first choice. */
  readonly level: number;
  readonly degraded: boolean;
}

/** Who served the nodes that have a result, by name. */
export function servedOf(finished: ReadonlyMap<string, NodeRecord>, names: Iterable<string>): Record<string, ServedBy> {
  const served: Record<string, ServedBy> = {};
  for (const name of names) {
    const record = finished.get(name);
    if (record?.status !== 'succeeded') continue;
    const { provider, providerLevel, fallbackLevel, degraded } = record;
    served[name] = { level: providerLevel ?? fallbackLevel, degraded, ...(provider !== undefined && { provider }) };
  }
  return served;
}

/** Why optional nodes failed, by name; `undefined` when none did. */
export function errorsOf(
  finished: ReadonlyMap<string, NodeRecord>,
  names: Iterable<string>,
): Record<string, StructuredError> | undefined {
  const entries = [...names].flatMap((name) => {
    const record = finished.get(name);
    return record?.status === 'failed' && record.error ? [[name, record.error] as const] : [];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** What a run without a declared output answers: the results that no other node waited for. */
export function leavesOf(definition: WorkflowDefinition): string[] {
  const waitedFor = new Set(definition.order.flatMap((name) => definition.nodes.get(name)?.after ?? []));
  return definition.order.filter((name) => !waitedFor.has(name));
}
