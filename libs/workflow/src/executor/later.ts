import type { Clock, TimerHandle } from '@nest-resilience/core';

const FIRST_DELAY_MS = 1_000;
const LAST_DELAY_MS = 60_000;

/** Takes up executions again that the ledger's own failure interrupted, after growing delays. */
export class Later {
  private readonly timers = new Set<TimerHandle>();
  private readonly delays = new Map<string, number>();
  private stopped = false;

  constructor(
    private readonly clock: Clock,
    /** Rejects while the ledger still fails. */
    private readonly takeUp: (executionId: string) => Promise<void>,
    private readonly report: (message: string, error: unknown) => void,
  ) {}

  /** @param what for the log */
  schedule(executionId: string, error: unknown, what = 'is interrupted and will go on'): void {
    if (this.stopped) return;
    const delayMs = this.delays.get(executionId) ?? FIRST_DELAY_MS;
    this.delays.set(executionId, Math.min(delayMs * 2, LAST_DELAY_MS));
    this.report(`Execution ${executionId} ${what} in ${delayMs} ms`, error);
    const timer = this.clock.setTimer(() => {
      this.timers.delete(timer);
      this.takeUp(executionId).catch((again: unknown) => this.schedule(executionId, again, what));
    }, delayMs);
    this.timers.add(timer);
    timer.unref();
  }

  /** The execution ended: its next trouble is a new one. */
  forget(executionId: string): void {
    this.delays.delete(executionId);
  }

  has(executionId: string): boolean {
    return this.delays.has(executionId);
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
  }
}
