import type { ExecutionRecord, NodeRecord } from './execution.js';
import type { ExecutionLease } from './execution-store.js';
import type { ItemRecord } from './items.js';

/** An execution in memory. */
export interface Entry {
  record: ExecutionRecord;
  /** See {@link SharedLedger}; by the clock of the store. */
  dueAt?: number | undefined;
  readonly nodes: Map<string, NodeRecord>;
  /** By node, step and index. */
  readonly items: Map<string, Map<string, Map<number, ItemRecord>>>;
}

export function runsUnder({ record }: Entry, { owner, fence }: ExecutionLease): boolean {
  return record.status === 'running' && record.owner === owner && (record.fence ?? 0) === fence;
}

export function absolved({ crashes: _, ...record }: ExecutionRecord): ExecutionRecord {
  return record;
}
