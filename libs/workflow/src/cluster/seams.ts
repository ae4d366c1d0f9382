import type { SeenReplica, Work } from '../ledger/execution-store.js';

/** Injection token of the {@link WorkflowCluster}; without one this process runs executions alone. */
export const WORKFLOW_CLUSTER = Symbol.for('nest-resilience:workflow-cluster');

/** Under which the processes of a cluster hold the executor lease of a ledger together. */
export const CLUSTER_OWNER = 'cluster';

/** What lets several processes run the executions of one ledger. `ClusterModule` of `@nest-resilience/cluster` provides it. */
export interface WorkflowCluster {
  /** Name of this process in the ledger; no other one may have it. */
  readonly replicaId: string;
  /** Milliseconds after the last renewal until others take over what this process ran. */
  readonly leaseMs: number;
  /** How often a process looks for executions that were forgotten, milliseconds. */
  readonly sweepMs: number;
  readonly dispatch: WorkDispatch;
  readonly bus: ExecutionBus;
  /** Is given what operators may see. */
  show?(view: () => ClusterView): void;
}

export interface ClusterView {
  /** All that were there within a day, this one included. */
  readonly replicas: readonly SeenReplica[];
  /** Executions that this one has in hand. */
  readonly leases: number;
}

/** Carries hints: what gets lost is offered again by the sweeper, what comes twice is refused by the ledger. */
export interface WorkDispatch {
  start(worker: Worker): Promise<void>;
  /** Never waits and never throws: a failure is counted, the sweeper makes up for it. */
  offer(work: readonly Work[]): void;
  /** Takes nothing new from here on. */
  pause(): Promise<void>;
  close(): Promise<void>;
  /** Calls back when the engine may have forgotten what it was told. */
  onForgotten?(listener: () => void): void;
}

export interface Worker {
  /** How many {@link run} may be under way. */
  readonly concurrency: number;
  /** Never rejects. */
  run(work: Work): Promise<WorkOutcome>;
}

/**
 * `left`: nothing more to do here. `busy`: somebody else has it. `unknown_version`: another process may know the workflow; offer it again in
 * a few seconds. `stopping`: this process goes.
 */
export type WorkOutcome = 'left' | 'busy' | 'unknown_version' | 'stopping';

/** News of executions between processes. Lost ones cost two seconds: everybody looks by himself as well. */
export interface ExecutionBus {
  /** Never waits and never throws. */
  publish(news: ExecutionNews): void;
  subscribe(listen: (news: ExecutionNews) => void): void;
}

export interface ExecutionNews {
  readonly kind: 'changed' | 'ended' | 'cancelled';
  readonly id: string;
}
