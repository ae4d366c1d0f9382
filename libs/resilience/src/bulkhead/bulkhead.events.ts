import type { BulkheadRefusal } from './bulkhead.errors.js';

export interface BulkheadRejectedEvent {
  readonly policy: string;
  readonly executionId: string;
  /** Name of the bulkhead, which may be shared by several policies. */
  readonly bulkhead: string;
  readonly because: BulkheadRefusal;
  readonly maxConcurrent: number;
  readonly maxQueue: number;
}

export interface BulkheadEvents {
  'resilience.bulkhead.rejected': BulkheadRejectedEvent;
}
