import type { ExecutionLedger, ExecutionRecord, ExecutionStatus, ExecutionTotals, NodeRecord } from './execution.js';
import type { ExecutorLease } from './executor-lease.js';
import type { ItemLedger } from './items.js';
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
  create(
    execution: ExecutionRecord,
    options?: { /** Milliseconds until it is {@link SharedLedger.due}; without them never. */ readonly dueMs?: number },
  ): Promise<{ execution: ExecutionRecord; created: boolean }>;
  get(id: string): Promise<ExecutionLedger | undefined>;
  /** Without the nodes. */
  find(id: string): Promise<ExecutionRecord | undefined>;
  findByIdempotencyKey(workflow: string, key: string): Promise<ExecutionRecord | undefined>;
  /** A page may end before its limit where executions are large: hundreds of those are more than a process holds. It has one at least. */
  list(filter: ExecutionFilter, listing?: ExecutionListing): Promise<ExecutionPage>;

  /**
   * Makes `owner` the one process that may write to the execution and its status `running`, if the status is one of `from`. Raises its
   * fence: leases of it that were given out before are worth nothing any more. Adds 1 to `resumes` unless it was `queued`. Resolves with
   * the ledger, or `undefined` if the status was another one, somebody else runs it whose time is not over, or somebody else than
   * `executor` holds the {@link lease}.
   */
  claim(id: string, claim: ExecutionClaim): Promise<ExecutionLedger | undefined>;
  /**
   * Keeps a node that ended; a failed record of the same node is replaced, any other is left as it is. One that will not run again
   * sets `crashes` to 0. Resolves with false, and keeps nothing, when the execution is not running under this lease.
   */
  checkpoint(lease: ExecutionLease, node: NodeRecord): Promise<boolean>;
  /** Ends an execution that runs under this lease. Resolves with false when it does not. */
  finish(lease: ExecutionLease, end: ExecutionEnd): Promise<boolean>;
  /** Ends an unfinished execution whoever runs it. Resolves with false when it had ended before. */
  cancel(id: string, end: { readonly finishedAt: number }): Promise<boolean>;
  /**
   * Like {@link claim}, and removes the checkpoints of these nodes, and their items, in the same transaction: they run again.
   * A store without it cannot retry an execution from a node.
   */
  reopen?(id: string, claim: ExecutionClaim, forget: readonly string[]): Promise<ExecutionLedger | undefined>;
  /** Replaces the failed record of an optional node after the run. Resolves with false when there is no such record. */
  amend(id: string, node: NodeRecord): Promise<boolean>;

  /** All unfinished executions without a parent, oldest first: what a booting process has to take up. */
  unfinished(): Promise<UnfinishedExecution[]>;
  sums(workflow: string): Promise<ExecutionSums>;
  /**
   * Removes at most `limit` ended executions that finished before that time, with their checkpoints and items, oldest first.
   * Resolves with how many. A store without it cannot have a retention.
   */
  prune?(finishedBefore: number, limit: number): Promise<number>;

  /** Keeps each item of `each` nodes as it ends. A store without it keeps their results as one, when the last item has ended. */
  readonly items?: ItemLedger | undefined;
  /** What several processes that run executions at once need besides. A store without it serves one at a time. */
  readonly shared?: SharedLedger | undefined;
}

/** The right to write to an execution: of a process, until the next claim. Get it by {@link leaseOf}. */
export interface ExecutionLease {
  readonly id: string;
  readonly owner: string;
  readonly fence: number;
}

/** The lease by which a claimed, or just stored, execution runs. */
export function leaseOf({ id, owner = '', fence = 0 }: ExecutionRecord): ExecutionLease {
  return { id, owner, fence };
}

/** An execution that is ready to be run by somebody. */
export interface Work extends Pick<ExecutionRecord, 'id' | 'workflow' | 'version'> {
  /** As it was last claimed. */
  readonly fence: number;
  readonly lane: string;
  /** Higher goes first. */
  readonly priority: number;
}

export function workOf({
  id,
  workflow,
  version,
  fence = 0,
}: Pick<ExecutionRecord, 'id' | 'workflow' | 'version' | 'fence'>): Work {
  return { id, workflow, version, fence, lane: 'default', priority: 0 };
}

/** A process that runs executions. */
export interface ReplicaRecord {
  readonly id: string;
  /** Epoch milliseconds by its own clock. */
  readonly startedAt: number;
  /** Versions of workflows that it knows, as `name@version`. */
  readonly versions: readonly string[];
  readonly running: number;
  readonly capacity: number;
}

export interface SeenReplica extends ReplicaRecord {
  /** Milliseconds since its last heartbeat, by the clock of the ledger. */
  readonly silentMs: number;
}

/** Of a ledger that several processes work on. All times are those of the ledger's clock. */
export interface SharedLedger {
  /** False: it is a file, or in memory, which processes of several machines cannot share. */
  readonly networked: boolean;
  /** Prolongs leases. Resolves with the ids of those that are not held any more: taken over, cancelled, ended. */
  renew(leases: readonly ExecutionLease[], leaseMs: number): Promise<readonly string[]>;
  /** Gives executions back that have not ended: they are `queued`, and anybody may have them at once. */
  release(leases: readonly ExecutionLease[]): Promise<readonly Work[]>;
  /**
   * Executions without a parent whose lease is over, then those that wait for longer than they should, oldest first. These are not
   * given out again before `againMs` are over.
   */
  due(limit: number, againMs: number): Promise<readonly Work[]>;
  /** Makes due what a process without leases left: what waits at once, what it ran after `graceMs`. */
  adopt(graceMs: number): Promise<void>;
  /** Makes everything due that waits: whoever was told of it has forgotten it. */
  requeue(): Promise<void>;
  /** How many wait, without their fallbacks. */
  waiting(): Promise<number>;
  /** Keeps the source of a version for processes that do not have it. */
  keepDefinition(workflow: string, version: string, source: string): Promise<void>;
  definition(workflow: string, version: string): Promise<string | undefined>;
  /** A sign of life. Resolves with the last ones before it of everybody in a day, this one included. */
  announce(replica: ReplicaRecord): Promise<readonly SeenReplica[]>;
}

export type UnfinishedExecution = Pick<ExecutionRecord, 'id' | 'workflow' | 'crashes'>;

export interface ExecutionClaim {
  readonly owner: string;
  readonly from: readonly ExecutionStatus[];
  readonly startedAt: number;
  readonly deadlineAt?: number;
  readonly version: string;
  /** See {@link ExecutionRecord.movedFrom}; absent: it stays as it is. */
  readonly movedFrom?: string;
  /** Forgets earlier crashes. */
  readonly absolve?: boolean;
  /**
   * Milliseconds after which somebody else may have it, unless the lease is renewed; taking it over counts as a crash.
   * Without it the execution is `owner`'s for as long as that holds the {@link ExecutionStore.lease}.
   */
  readonly leaseMs?: number;
  /** Under which the {@link ExecutionStore.lease} is held. @default `owner` */
  readonly executor?: string;
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
