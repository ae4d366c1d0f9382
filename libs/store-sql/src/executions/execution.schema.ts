/** What an execution, or all of a kind, came to. */
interface Spent {
  nodes: number;
  attempts: number;
  retries: number;
  fallbacks: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
}

/** Columns as they are in the file: JSON as text, booleans as 0 and 1, times as epoch milliseconds. */
export interface ExecutionRow extends Spent {
  id: string;
  workflow: string;
  version: string;
  status: string;
  input: string;
  output: string | null;
  error: string | null;
  idempotency_key: string | null;
  input_hash: string;
  join_key: string | null;
  parent_id: string | null;
  owner: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  deadline_at: number | null;
  resumes: number;
  degraded: number;
  served_by: string | null;
  dead_letter_id: string | null;
  /** Of succeeded and failed ones, for percentiles. */
  duration_ms: number | null;
  /** Raised by every claim. */
  fence: number;
  /** When it is offered again (queued), or somebody else may have it (running). */
  due_at: number | null;
  /** How many crashes were put down to it since its last checkpoint. */
  crashes: number;
  lane: string;
  priority: number;
  moved_from: string | null;
}

export interface NodeRow {
  execution_id: string;
  node: string;
  status: string;
  /** The whole checkpoint as JSON. */
  record: string;
}

export interface ItemRow {
  execution_id: string;
  node: string;
  step: string;
  /** Its place in the list. */
  item: number;
  status: string;
  /** The checkpoint without its result, as JSON. */
  record: string;
  result: string | null;
}

/** Sums of what executions of a workflow came to that ended alike and took about as long. */
export interface TotalsRow extends Spent {
  workflow: string;
  status: string;
  /** The shortest of their durations, milliseconds; 0 where none is measured. */
  bucket: number;
  executions: number;
  with_retries: number;
  with_fallbacks: number;
  degraded: number;
}

/** The right to run executions, by its name. */
export interface LeaseRow {
  name: string;
  owner: string;
  /** The holder as JSON. */
  holder: string;
  since: number;
  ends_at: number;
  beat: number;
  suspect: string | null;
  alone: number;
  leaving: number;
  unexplained: number;
}

/** A version of a workflow, for processes that do not have it. */
export interface VersionRow {
  workflow: string;
  version: string;
  source: string;
  created_at: number;
}

/** A process that runs executions. */
export interface ReplicaRow {
  id: string;
  seen_at: number;
  started_at: number;
  release_name: string | null;
  /** As JSON. */
  versions: string | null;
  running: number;
  capacity: number;
}

export const EXECUTIONS = 'resilience_executions';
export const NODES = 'resilience_execution_nodes';
export const ITEMS = 'resilience_execution_items';
export const LEASES = 'resilience_leases';
export const TOTALS = 'resilience_workflow_totals';
export const VERSIONS = 'resilience_workflow_versions';
export const REPLICAS = 'resilience_replicas';
/** Name of the lease that gives the right to run executions; others may stand beside it some day. */
export const EXECUTOR_LEASE = 'executor';

export interface ExecutionSchema {
  [EXECUTIONS]: ExecutionRow;
  [NODES]: NodeRow;
  [ITEMS]: ItemRow;
  [LEASES]: LeaseRow;
  [TOTALS]: TotalsRow;
  [VERSIONS]: VersionRow;
  [REPLICAS]: ReplicaRow;
}

export const ENDED: readonly string[] = ['succeeded', 'failed', 'cancelled'];

export function hasEnded(status: string): boolean {
  return ENDED.includes(status);
}
