import type { NodeAttempt } from '../ledger/execution.js';
import type { ItemCounts, ItemSummary } from '../ledger/items.js';
import type { AttemptLog } from './attempt-log.js';

/** A node that is being run. */
export interface NodeAtWork {
  readonly node: string;
  /** Absent: another process runs it. */
  readonly startedAt?: number;
  /** Those that ended, as far as they are kept. */
  readonly attempts: readonly NodeAttempt[];
  /** Of a node that runs once for each; the total is known to the process that runs it. */
  readonly items?: ItemCounts & Partial<Pick<ItemSummary, 'total'>>;
}

/** Nodes that this process is running. */
export class AtWork {
  private readonly byExecution = new Map<
    string,
    Map<string, { readonly startedAt: number; readonly log: AttemptLog }>
  >();

  /** The returned function says that it is over. */
  begin(executionId: string, node: string, startedAt: number, log: AttemptLog): () => void {
    const nodes = this.byExecution.get(executionId) ?? new Map<string, { startedAt: number; log: AttemptLog }>();
    const work = { startedAt, log };
    this.byExecution.set(executionId, nodes.set(node, work));
    return () => {
      if (nodes.get(node) === work) nodes.delete(node);
      if (nodes.size === 0 && this.byExecution.get(executionId) === nodes) this.byExecution.delete(executionId);
    };
  }

  of(executionId: string): NodeAtWork[] {
    return [...(this.byExecution.get(executionId) ?? [])].map(([node, { startedAt, log }]) => {
      const { items, ended } = log;
      return { node, startedAt, attempts: ended, ...(items && { items }) };
    });
  }
}
