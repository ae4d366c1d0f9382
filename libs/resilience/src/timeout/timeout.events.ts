import type { TimeoutScope } from '../engine/stages.js';

export interface TimeoutExceededEvent {
  readonly policy: string;
  readonly executionId: string;
  readonly scope: TimeoutScope;
  readonly afterMs: number;
  /** Counted from 1. */
  readonly attempt: number;
}

export interface TimeoutEvents {
  'resilience.timeout.exceeded': TimeoutExceededEvent;
}
