import type { UnfinishedExecution, Work } from '../ledger/execution-store.js';
import type { WorkflowLimits } from '../workflow.limits.js';

/** Where a new execution goes: at work at once, or behind the others. */
export type Place = 'running' | 'queued';

/** Who waits for a place in this process, and whether there is a place for one more. */
export interface WaitingRuns {
  readonly running: number;
  readonly queued: number;
  has(id: string): boolean;
  /** Takes a place for an execution that is about to be stored; `undefined` when everything is full. */
  reserve(): Place | undefined;
  /** Gives a place back: it is not needed, or the execution is at work and counted there. */
  release(place: Place): void;
  push(work: Work): void;
  /** Lets them go before all others. */
  pushFirst(work: readonly Work[]): void;
  /** The next one to run, if there is a place for it. */
  next(): UnfinishedExecution | undefined;
  remove(id: string): void;
  clear(): void;
  /** Names of the workflows that wait, one for each execution. */
  workflows(): Iterable<string>;
}

/** Nothing here looks at more than one of them. */
export class RunQueue implements WaitingRuns {
  private readonly byId = new Map<string, UnfinishedExecution>();
  /** The next one is the last; those that were removed are passed over. */
  private first: UnfinishedExecution[] = [];
  /** Behind them, in their order. */
  private behind: UnfinishedExecution[] = [];
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
    return this.byId.size;
  }

  has(id: string): boolean {
    return this.byId.has(id);
  }

  reserve(): Place | undefined {
    if (!this.held() && this.queued === 0 && this.running < this.limits.running) {
      this.reserved.running++;
      return 'running';
    }
    // Those that are being stored take places too: many may come while the first is on its way.
    if (this.queued + this.reserved.queued >= this.limits.queued) return undefined;
    this.reserved.queued++;
    return 'queued';
  }

  release(place: Place): void {
    this.reserved[place]--;
  }

  push(execution: UnfinishedExecution): void {
    this.byId.set(execution.id, execution);
    this.behind.push(execution);
  }

  pushFirst(executions: readonly UnfinishedExecution[]): void {
    for (let place = executions.length - 1; place >= 0; place--) {
      const execution = executions[place]!;
      this.byId.set(execution.id, execution);
      this.first.push(execution);
    }
  }

  next(): UnfinishedExecution | undefined {
    if (this.held() || this.running >= this.limits.running) return undefined;
    for (;;) {
      if (this.first.length === 0) [this.first, this.behind] = [this.behind.reverse(), this.first];
      const next = this.first.pop();
      if (next === undefined) return undefined;
      if (this.byId.get(next.id) === next && this.byId.delete(next.id)) return next;
    }
  }

  clear(): void {
    this.byId.clear();
    this.first = [];
    this.behind = [];
  }

  *workflows(): Generator<string> {
    for (const { workflow } of this.byId.values()) yield workflow;
  }

  remove(id: string): void {
    this.byId.delete(id);
  }
}
