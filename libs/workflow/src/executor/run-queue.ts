import type { UnfinishedExecution } from '../ledger/execution-store.js';
import type { WorkflowLimits } from '../workflow.limits.js';

/** Where a new execution goes: at work at once, or behind the others. */
export type Place = 'running' | 'queued';

/** Who waits, and whether there is a place for one more. */
export class RunQueue {
  private waiting: UnfinishedExecution[] = [];
  private readonly reserved = { running: 0, queued: 0 };

  constructor(
    private readonly limits: Pick<WorkflowLimits, 'running' | 'queued'>,
    /** Executions at work now. */
    private readonly active: () => number,
    /** Nobody may start now. */
    private readonly held: () => boolean,
  ) {}

  get running(): number {
    return this.active() + this.reserved.running;
  }

  get queued(): number {
    return this.waiting.length;
  }

  /** Takes a place for an execution that is about to be stored; `undefined` when everything is full. */
  reserve(): Place | undefined {
    if (!this.held() && this.waiting.length === 0 && this.running < this.limits.running) {
      this.reserved.running++;
      return 'running';
    }
    // Those that are being stored take places too: many may come while the first is on its way.
    if (this.waiting.length + this.reserved.queued >= this.limits.queued) return undefined;
    this.reserved.queued++;
    return 'queued';
  }

  /** Gives a place back: it is not needed, or the execution is at work and counted there. */
  release(place: Place): void {
    this.reserved[place]--;
  }

  push(execution: UnfinishedExecution): void {
    this.waiting.push(execution);
  }

  /** Lets them go before all others. */
  pushFirst(executions: readonly UnfinishedExecution[]): void {
    // Not unshift: a ledger may have more of them than a call takes arguments.
    this.waiting = [...executions, ...this.waiting];
  }

  /** The next one to run, if there is a place for it. */
  next(): UnfinishedExecution | undefined {
    return !this.held() && this.running < this.limits.running ? this.waiting.shift() : undefined;
  }

  ids(): Set<string> {
    return new Set(this.waiting.map(({ id }) => id));
  }

  clear(): void {
    this.waiting = [];
  }

  /** Names of the workflows that wait, one for each execution. */
  *workflows(): Generator<string> {
    for (const { workflow } of this.waiting) yield workflow;
  }

  remove(id: string): void {
    const place = this.waiting.findIndex((waiting) => waiting.id === id);
    if (place >= 0) this.waiting.splice(place, 1);
  }
}
