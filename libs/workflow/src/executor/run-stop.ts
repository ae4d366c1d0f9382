import { LedgerFailure } from './ledger-failure.js';

/** Why a run was stopped from outside. `lost`: another process (or a cancellation elsewhere) took the execution over. */
export type StopReason = 'cancelled' | 'deadline' | 'shutdown' | 'lost';

/** The abort reason of a stopped run. Nodes see it as a caller's abort: it is never retried and counts for no circuit. */
export class RunStop extends Error {
  override readonly name = 'AbortError';
  /** Tells `classifyError` that it was no deadline of the node's own. */
  readonly code = 'RESILIENCE_RUN_STOPPED';

  constructor(readonly stopReason: StopReason) {
    super(`the run was stopped: ${stopReason}`);
  }
}

/** It is no failure of a node or item: the run stops here, and may go on later. */
export function endsRun(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted || error instanceof RunStop || error instanceof LedgerFailure;
}
