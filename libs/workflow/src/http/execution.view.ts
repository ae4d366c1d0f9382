import type { ExecutionLedger, ExecutionRecord, NodeRecord } from '../ledger/execution.js';
import type { ItemRecord } from '../ledger/items.js';

/** An execution on the wire: ISO times, nothing of the inner workings. */
export function executionView({ owner: _, joinKey: __, inputHash: ___, fence: ____, ...execution }: ExecutionRecord) {
  const { createdAt, startedAt, finishedAt, deadlineAt, ...rest } = execution;
  return {
    ...rest,
    createdAt: iso(createdAt),
    ...(startedAt !== undefined && { startedAt: iso(startedAt) }),
    ...(finishedAt !== undefined && { finishedAt: iso(finishedAt), durationMs: Math.max(0, finishedAt - createdAt) }),
    ...(deadlineAt !== undefined && { deadlineAt: iso(deadlineAt) }),
  };
}

/** One line of a list: the ledger of one execution has the values. */
export function executionSummary(execution: ExecutionRecord) {
  const { input: _, output: __, ...summary } = executionView(execution);
  return summary;
}

export function ledgerView({ nodes, ...execution }: ExecutionLedger) {
  return { ...executionView(execution), nodes: nodes.map(nodeView) };
}

export function nodeView({ startedAt, finishedAt, attempts, ...node }: NodeRecord) {
  return { ...node, ...timesOf({ startedAt, finishedAt, attempts }) };
}

/** One item of a node. */
export function itemView({ node: _, step, startedAt, finishedAt, attempts, ...item }: ItemRecord) {
  return {
    ...item,
    ...(step !== '' && { step }),
    ...timesOf({ startedAt, finishedAt, attempts }),
  };
}

function timesOf({ startedAt, finishedAt, attempts }: Pick<NodeRecord, 'startedAt' | 'finishedAt' | 'attempts'>) {
  return {
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    durationMs: Math.max(0, finishedAt - startedAt),
    attempts: attempts.map((attempt) => ({ ...attempt, startedAt: iso(attempt.startedAt) })),
  };
}

export function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
