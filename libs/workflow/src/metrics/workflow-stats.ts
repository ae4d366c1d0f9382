import { countLevel, DurationHistogram, OutcomeCounts } from '@nest-resilience/core/kit';
import type { WorkflowDefinition } from '../graph/definition.js';
import type { ExecutionRecord, NodeRecord } from '../ledger/execution.js';
import type { ExecutionEnd } from '../ledger/execution-store.js';

/** A run that came to its end in this process. */
export interface EndedRun {
  readonly execution: ExecutionRecord;
  /** Of all nodes that ended since the execution was accepted, or since it was brought back after an end. */
  readonly nodes: readonly NodeRecord[];
  /** Place of the fallback workflow that served it, from 1; 0: itself. */
  readonly level: number;
}

/** What became of the executions of one workflow. */
export class WorkflowCounts {
  successful = 0;
  failed = 0;
  cancelled = 0;
  /** Successful and failed ones in which something was retried. */
  retried = 0;
  degraded = 0;
  /** Executions that a fallback workflow served, by its place from 1 (index 0 is 1). */
  readonly fallbacksByLevel: number[] = [];
  /** From acceptance to the end, of successful and failed ones. */
  readonly durations = new DurationHistogram();
  readonly nodes = new Map<string, NodeCounts>();
}

/** What became of one node, once for each execution. */
export class NodeCounts extends OutcomeCounts {
  skipped = 0;
  attempts = 0;
  retries = 0;
  inputTokens = 0;
  outputTokens = 0;
  costUsd = 0;
}

/**
 * Counts what ends in this process: per execution and per node of it, never per attempt. The ledger counts the same, but forgets what
 * its retention removes, and a counter must not go back. Names are those of definitions.
 */
export class WorkflowStats {
  private readonly byName = new Map<string, WorkflowCounts>();

  get(workflow: string): WorkflowCounts | undefined {
    return this.byName.get(workflow);
  }

  names(): Iterable<string> {
    return this.byName.keys();
  }

  /** Counts an end that the ledger has taken. */
  ended({ execution, nodes, level }: EndedRun, end: ExecutionEnd): void {
    const counts = this.of(execution.workflow);
    if (end.status === 'succeeded') counts.successful++;
    else counts.failed++;
    if (end.totals.retries > 0) counts.retried++;
    if (end.degraded) counts.degraded++;
    if (level > 0) countLevel(counts.fallbacksByLevel, level);
    counts.durations.record(Math.max(0, end.finishedAt - execution.createdAt));
    for (const record of nodes) countNode(nodeOf(counts, record.node), record);
  }

  cancelled({ workflow }: ExecutionRecord): void {
    this.of(workflow).cancelled++;
  }

  /** Forgets workflows and nodes that none of the definitions has, so that reloads cannot pile up labels. */
  retain(definitions: Iterable<WorkflowDefinition>): void {
    const known = new Map<string, Set<string>>();
    for (const { name, order } of definitions) known.set(name, new Set([...(known.get(name) ?? []), ...order]));
    for (const [name, { nodes }] of this.byName) {
      const kept = known.get(name);
      if (!kept) this.byName.delete(name);
      else for (const node of nodes.keys()) if (!kept.has(node)) nodes.delete(node);
    }
  }

  private of(workflow: string): WorkflowCounts {
    const counts = this.byName.get(workflow) ?? new WorkflowCounts();
    this.byName.set(workflow, counts);
    return counts;
  }
}

function nodeOf({ nodes }: WorkflowCounts, node: string): NodeCounts {
  const counts = nodes.get(node) ?? new NodeCounts();
  nodes.set(node, counts);
  return counts;
}

function countNode(counts: NodeCounts, record: NodeRecord): void {
  if (record.status === 'skipped') {
    counts.skipped++;
    return;
  }
  counts.count(record.status === 'succeeded', record.retryCount > 0);
  counts.attempts += record.attemptCount;
  counts.retries += record.retryCount;
  counts.inputTokens += record.usage?.inputTokens ?? 0;
  counts.outputTokens += record.usage?.outputTokens ?? 0;
  counts.costUsd += record.costUsd ?? 0;
  const level = record.fallbackLevel || (record.providerLevel ?? 0);
  if (level > 0) counts.fellBack(level);
}
