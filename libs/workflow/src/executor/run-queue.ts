import type { WorkflowLimits } from '../workflow.limits.js';

/** Where a new execution goes: at work at once, or behind the others. */
export type Place = 'running' | 'queued';

/** Who waits, and whether there is a place for one more. */
export class RunQueue {
  private readonly waiting: string[] = [];
  private reserved = 0;

  constructor(
    private readonly limits: Pick<WorkflowLimits, 'running' | 'queued'>,
    /** Executions at work now. */
    private readonly active: () => number,
  ) {}

  get running(): number {
    return this.active() + this.reserved;
  }

  get queued(): number {
    return this.waiting.length;
  }

  /** Takes a place for an execution that is about to be stored; `undefined` when everything is full. */
  reserve(): Place | undefined {
    if (this.waiting.length === 0 && this.running < this.limits.running) {
      this.reserved++;
      return 'running';
    }
    return this.waiting.length < this.limits.queued ? 'queued' : undefined;
  }

  /** Gives a place back: it is not needed, or the execution is at work and counted there. */
  release(place: Place): void {
    if (place === 'running') this.reserved--;
  }

  push(id: string): void {
    this.waiting.push(id);
  }

  /** Lets them go before all others. */
  pushFirst(ids: readonly string[]): void {
    this.waiting.unshift(...ids);
  }

  /** The next one to run, if there is a place for it. */
  next(): string | undefined {
    return this.running < this.limits.running ? this.waiting.shift() : undefined;
  }

  has(id: string): boolean {
    return this.waiting.includes(id);
  }

  remove(id: string): void {
    const place = this.waiting.indexOf(id);
    if (place >= 0) this.waiting.splice(place, 1);
  }
}
