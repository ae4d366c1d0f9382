import { type Clock, type Random, systemRandom, type TimerHandle } from '@nest-resilience/core';

const FIRST_DELAY_MS = 1_000;
const LAST_DELAY_MS = 60_000;
/** A database that is away interrupts everything, again and again: after the first, one line a minute. */
const REPORT_MS = 60_000;

/** Takes up executions again that the ledger's own failure interrupted, after growing delays. */
export class Later {
  private readonly timers = new Set<TimerHandle>();
  private readonly delays = new Map<string, number>();
  private stopped = false;
  private reportedAt = -Infinity;
  private unreported = 0;

  constructor(
    private readonly clock: Clock,
    /** Rejects while the ledger still fails. */
    private readonly takeUp: (executionId: string) => Promise<void>,
    private readonly report: (message: string, error: unknown) => void,
    private readonly random: Random = systemRandom,
  ) {}

  /** @param what for the log */
  schedule(executionId: string, error: unknown, what = 'is interrupted and will go on'): void {
    if (this.stopped) return;
    const longestMs = this.delays.get(executionId) ?? FIRST_DELAY_MS;
    this.delays.set(executionId, Math.min(longestMs * 2, LAST_DELAY_MS));
    // Those that one failure interrupted must not come back all at once, and fail all at once again.
    const delayMs = Math.ceil(longestMs * (0.5 + this.random() / 2));
    this.tell(`Execution ${executionId} ${what} in ${delayMs} ms`, error);
    const timer = this.clock.setTimer(() => {
      this.timers.delete(timer);
      this.takeUp(executionId).catch((again: unknown) => this.schedule(executionId, again, what));
    }, delayMs);
    this.timers.add(timer);
    timer.unref();
  }

  private tell(message: string, error: unknown): void {
    const now = this.clock.now();
    if (now - this.reportedAt < REPORT_MS) return void this.unreported++;
    const more = this.unreported === 0 ? '' : `; ${this.unreported} times since the last line of this kind`;
    this.reportedAt = now;
    this.unreported = 0;
    this.report(`${message}${more}`, error);
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
