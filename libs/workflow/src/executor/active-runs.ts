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
}

/** An execution that is at work in this process. */
export interface ActiveRun {
  readonly id: string;
  readonly stop: AbortController;
  /** Somebody writes the failure into the ledger after the dead letter was made. */
  readonly supervised: boolean;
  claimed: ClaimedRun | undefined;
  driving: Promise<RunEnd> | undefined;
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
    { supervised, claimed }: { readonly supervised: boolean; readonly claimed?: ClaimedRun },
  ): ActiveRun {
    const active: ActiveRun = { id, supervised, claimed, stop: new AbortController(), driving: undefined };
    this.byId.set(id, active);
    return active;
  }

  leave(id: string): void {
    this.byId.delete(id);
    if (this.byId.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  stop(id: string, reason: StopReason): void {
    this.byId.get(id)?.stop.abort(new RunStop(reason));
  }

  stopAll(reason: StopReason): void {
    for (const id of this.byId.keys()) this.stop(id, reason);
  }

  /** Resolves when nothing is at work any more. */
  untilIdle(): Promise<void> {
    return this.byId.size === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve));
  }
}
