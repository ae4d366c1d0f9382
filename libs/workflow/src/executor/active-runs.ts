import type { ExecutionLedger } from '../ledger/execution.js';
import type { WorkflowDefinition } from '../graph/definition.js';
import type { RunEnd } from './run-ends.js';
import { RunStop, type StopReason } from './run-stop.js';

/** An execution that this process owns in the ledger already: nothing has to be read or claimed first. */
export interface ClaimedRun {
  readonly definition: WorkflowDefinition;
  readonly ledger: ExecutionLedger;
  /** Version of the definition before the claim. */
  readonly startedOn: string;
  /** It had ended before: the nodes that it brings along were counted then. */
  readonly reopened: boolean;
}

/** An execution that is at work in this process. */
export interface ActiveRun {
  readonly id: string;
  /** Unknown until an execution that a dead letter brings back was read. */
  workflow: string | undefined;
  readonly stop: AbortController;
  /** Somebody writes the failure into the ledger after the dead letter was made. */
  readonly supervised: boolean;
  claimed: ClaimedRun | undefined;
  driving: Promise<RunEnd> | undefined;
  /** What {@link driving} came to. */
  end: RunEnd | undefined;
}

/** What is at work in this process. */
export class ActiveRuns {
  private readonly byId = new Map<string, ActiveRun>();
  private idle: (() => void)[] = [];

  get size(): number {
    return this.byId.size;
  }

  get(id: string): ActiveRun | undefined {
    return this.byId.get(id);
  }

  has(id: string): boolean {
    return this.byId.has(id);
  }

  enter(
    id: string,
    {
      supervised,
      workflow,
      claimed,
    }: { readonly supervised: boolean; readonly workflow?: string | undefined; readonly claimed?: ClaimedRun },
  ): ActiveRun {
    const active: ActiveRun = {
      id,
      workflow,
      supervised,
      claimed,
      stop: new AbortController(),
      driving: undefined,
      end: undefined,
    };
    this.byId.set(id, active);
    return active;
  }

  /** Only its own place: somebody else may have taken the execution up meanwhile. */
  leave(active: ActiveRun): void {
    if (this.byId.get(active.id) === active) this.byId.delete(active.id);
    if (this.byId.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  stop(id: string, reason: StopReason): void {
    this.byId.get(id)?.stop.abort(new RunStop(reason));
  }

  stopAll(reason: StopReason): void {
    for (const id of this.byId.keys()) this.stop(id, reason);
  }

  /** Names of the workflows at work, one for each run. */
  *workflows(): Generator<string> {
    for (const { workflow } of this.byId.values()) if (workflow !== undefined) yield workflow;
  }

  /** Resolves when nothing is at work any more. */
  untilIdle(): Promise<void> {
    return this.byId.size === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve));
  }
}
