import type { Clock } from '@nest-resilience/core';
import { repeat } from '@nest-resilience/core/kit';
import { LedgerFeatureError } from '../workflow.errors.js';
import type { ExecutionStore } from './execution-store.js';

/** How long ended executions are kept when nothing else is said, where the store can forget. */
export const DEFAULT_EXECUTION_RETENTION = '30d';

const INTERVAL_MS = 3_600_000;
/** One removal must not hold the store up for long. */
const BATCH = 500;

/** Forgets executions that ended long ago. */
export class Retention {
  private stopSweeping: (() => void) | undefined;
  private stopped = false;

  /** @throws LedgerFeatureError when the application asked for a retention that its store does not have */
  constructor(
    private readonly store: ExecutionStore,
    private readonly clock: Clock,
    /** `undefined`: for ever. */
    private readonly ageMs: number | undefined,
    asked: boolean,
  ) {
    if (asked && ageMs !== undefined && !store.prune) throw new LedgerFeatureError('prune', 'forget old executions');
  }

  /** Removes all that is too old. Resolves with how many it was. */
  async sweep(): Promise<number> {
    let removed = 0;
    if (this.ageMs === undefined || !this.store.prune) return removed;
    const before = this.clock.epochNow() - this.ageMs;
    let batch: number;
    do removed += batch = await this.store.prune(before, BATCH);
    while (batch === BATCH && !this.stopped);
    return removed;
  }

  /** Sweeps now and then every hour, without keeping the process alive. A failing store is tried again an hour later. */
  start(report: (error: unknown) => void): void {
    if (this.ageMs === undefined || !this.store.prune) return;
    const sweep = (): void => void this.sweep().catch(report);
    this.stopSweeping = repeat(this.clock, INTERVAL_MS, sweep);
    sweep();
  }

  stop(): void {
    this.stopped = true;
    this.stopSweeping?.();
  }
}
