import type { ExecutionLedger, ExecutionRecord, ExecutionStatus, ExecutionTotals, NodeRecord } from './execution.js';
import type { ExecutorLease } from './executor-lease.js';
import type { ExecutionSums } from './metrics.js';

/** Injection token of the {@link ExecutionStore} in use. */
export const EXECUTION_STORE = Symbol.for('nest-resilience:execution-store');

/**
 * Where executions are kept. Every method resolves only when its change is durable.
 * Implementations: {@link MemoryExecutionStore} here, `sqliteExecutionStore` in `@nest-resilience/store-sql`; all pass one contract suite.
 */
export interface ExecutionStore {
  /** False: nothing outlives the process. */
  readonly durable: boolean;
  /** Sees to it that one process at a time runs executions. A store without it serves one process. */
  readonly lease?: ExecutorLease | undefined;
  /** Opens the store: tables, migrations. Called once before anything else. */
  init?(): Promise<void>;
  close?(): Promise<void>;
  /** Rejects when what would be written now would not be found again. Without it {@link find} is asked for an execution nobody has. */
  probe?(): Promise<void>;

  /**
   * Adds an execution, unless one with the same workflow and idempotency key, or the same join key, is there: then that one
   * is returned with `created: false`. Atomic.
   */
  create(execution: ExecutionRecord): Promise<{ execution: ExecutionRecord; created: boolean }>;
  get(id: string): Promise<ExecutionLedger | undefined>;
  /** Without the nodes. */
  find(id: string): Promise<ExecutionRecord | undefined>;
  findByIdempotencyKey(workflow: string, key: string): Promise<ExecutionRecord | undefined>;
  /** A page may end before its limit where executions are large: hundreds of those are more than a process holds. It has one at least. */
  list(filter: ExecutionFilter, listing?: ExecutionListing): Promise<ExecutionPage>;

  /**
   * Makes `owner` the one process that may write to the execution and its status `running`, if the status is one of `from`.
   * Adds 1 to `resumes` unless it was `queued`. Resolves with the ledger, or `undefined` if the status was another one or somebody
   * else than `owner` holds the {@link lease}.
   */
  claim(id: string, claim: ExecutionClaim): Promise<ExecutionLedger | undefined>;
  /**
   * Keeps a node that ended; a failed record of the same node is replaced, any other is left as it is. One that will not run again
   * sets `crashes` to 0. Resolves with false, and keeps nothing, when the execution is not running under this owner.
   */
  checkpoint(id: string, owner: string, node: NodeRecord): Promise<boolean>;
  /** Ends an execution that runs under this owner. Resolves with false when it does not. */
  finish(id: string, owner: string, end: ExecutionEnd): Promise<boolean>;
  /** Ends an unfinished execution whoever runs it. Resolves with false when it had ended before. */
  cancel(id: string, end: { readonly finishedAt: number }): Promise<boolean>;
  /**
   * Like {@link claim}, and removes the checkpoints of these nodes in the same transaction: they run again.
   * A store without it cannot retry an execution from a node.
   */
  reopen?(id: string, claim: ExecutionClaim, forget: readonly string[]): Promise<ExecutionLedger | undefined>;
  /** Replaces the failed record of an optional node after the run. Resolves with false when there is no such record. */
  amend(id: string, node: NodeRecord): Promise<boolean>;

  /** All unfinished executions without a parent, oldest first: what a booting process has to take up. */
  unfinished(): Promise<UnfinishedExecution[]>;
  sums(workflow: string): Promise<ExecutionSums>;
  /**
   * Removes at most `limit` ended executions that finished before that time, with their checkpoints, oldest first.
   * Resolves with how many. A store without it cannot have a retention.
   */
  prune?(finishedBefore: number, limit: number): Promise<number>;
}

export type UnfinishedExecution = Pick<ExecutionRecord, 'id' | 'workflow' | 'crashes'>;

export interface ExecutionClaim {
  readonly owner: string;
  readonly from: readonly ExecutionStatus[];
  readonly startedAt: number;
  readonly deadlineAt?: number;
  readonly version: string;
  /** Forgets earlier crashes. */
  readonly absolve?: boolean;
}

export interface ExecutionEnd extends Pick<
  ExecutionRecord,
  'output' | 'error' | 'degraded' | 'servedBy' | 'deadLetterId'
> {
  readonly status: 'succeeded' | 'failed';
  readonly finishedAt: number;
  readonly totals: ExecutionTotals;
}

export interface ExecutionFilter {
  readonly workflow?: string;
  readonly status?: ExecutionStatus;
  /** Id of the last execution of the page before. */
  readonly cursor?: string;
  /** @default 50, at most 500 */
  readonly limit?: number;
}

export interface ExecutionListing {
  /** Nobody looks at inputs and outputs: a store may give null for them. */
  readonly summaries?: boolean;
}

/** Newest first. */
export interface ExecutionPage {
  readonly items: readonly ExecutionRecord[];
  /** Pass it as `cursor` for the next page; `null` on the last one. */
  readonly nextCursor: string | null;
}

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 500;
