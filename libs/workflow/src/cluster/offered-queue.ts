import type { Work } from '../ledger/execution-store.js';
import type { Place, WaitingRuns } from '../executor/run-queue.js';
import type { WorkDispatch } from './seams.js';

/** Who waits is in the ledger, for all processes: each gets its work from the {@link WorkDispatch}. */
export class OfferedQueue implements WaitingRuns {
  /** As the ledger said last. */
  private known = 0;
  private reserved = 0;
  private since = 0;

  constructor(
    private readonly dispatch: WorkDispatch,
    private readonly limit: number,
    private readonly active: () => number,
  ) {}

  get running(): number {
    return this.active();
  }

  get queued(): number {
    return this.known + this.since;
  }

  /** What the ledger counts. */
  counted(waiting: number): void {
    this.known = waiting;
    this.since = 0;
  }

  reserve(): Place | undefined {
    if (this.queued + this.reserved >= this.limit) return undefined;
    this.reserved++;
    return 'queued';
  }

  release(): void {
    this.reserved--;
  }

  push(work: Work): void {
    this.since++;
    this.dispatch.offer([work]);
  }

  pushFirst(work: readonly Work[]): void {
    this.dispatch.offer(work);
  }

  next(): undefined {
    return undefined;
  }

  has(): boolean {
    return false;
  }

  remove(): void {
    // Whoever is offered it finds it cancelled.
  }

  clear(): void {
    // They are everybody's.
  }

  *workflows(): Generator<string> {
    // The ledger counts them for all.
  }
}
