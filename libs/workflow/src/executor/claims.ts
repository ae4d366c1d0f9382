import type { Clock } from '@nest-resilience/core';
import type { WorkflowDefinition } from '../graph/definition.js';
import { type ExecutionRecord, type ExecutionStatus, NO_TOTALS } from '../ledger/execution.js';
import { type ExecutionClaim, type ExecutionStore, leaseOf } from '../ledger/execution-store.js';
import { structuredError } from '../ledger/structured-error.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import { ExecutionNotFoundError, ExecutionStateError, WorkflowFailedError } from '../workflow.errors.js';
import type { ClaimedRun } from './active-runs.js';
import type { RunEnd } from './run-ends.js';

/** Failures go on when a dead letter is redriven, the others when a process takes up what another one left. */
const RESUMABLE: readonly ExecutionStatus[] = ['failed', 'queued', 'running'];

export interface ClaimsWorld {
  readonly store: ExecutionStore;
  readonly registry: WorkflowRegistry;
  readonly clock: Clock;
  readonly owner: string;
}

/** Makes executions of the ledger this process's own, each on the definition it has to run on. */
export class Claims {
  constructor(private readonly world: ClaimsWorld) {}

  /** An execution that was stored as this process's own. */
  ofNew(execution: ExecutionRecord, definition: WorkflowDefinition): ClaimedRun {
    return { definition, ledger: { ...execution, nodes: [] }, startedOn: execution.version, reopened: false };
  }

  /**
   * An execution that a process left, a dead letter brings back, or that waited in the queue. Or how it ended instead.
   * @param unfinished not one that has failed: that only a dead letter brings back
   */
  async take(id: string, unfinished: boolean): Promise<ClaimedRun | { readonly end: RunEnd }> {
    const before = await this.world.store.find(id);
    if (!before) throw new ExecutionNotFoundError(id);
    if (before.status === 'succeeded') return { end: { status: 'succeeded' } };
    if (!RESUMABLE.includes(before.status) || (unfinished && before.status === 'failed'))
      return { end: { status: 'cancelled' } };
    const definition = this.definitionOf(before);
    if (!definition) return { end: await this.orphaned(before) };
    // Only as it was read: whoever took it up since then has it, and may be this process.
    const ledger = await this.world.store.claim(id, this.claimOf(before, definition, [before.status]));
    if (!ledger) return { end: { status: 'interrupted' } };
    return { definition, ledger, startedOn: before.version, reopened: before.status === 'failed' };
  }

  /**
   * An execution that ended, or that nobody runs, and that somebody asked to go on. Once this resolves the ledger has it as running.
   * @param forget nodes that shall run again although they finished
   * @throws WorkflowNotFoundError, ExecutionStateError
   */
  async reopen(
    before: ExecutionRecord,
    from: readonly ExecutionStatus[],
    action: string,
    forget: readonly string[] = [],
  ): Promise<ClaimedRun> {
    const { store, registry } = this.world;
    const definition = this.definitionOf(before) ?? registry.get(before.workflow);
    const claim = { ...this.claimOf(before, definition, from), absolve: true };
    const ledger = await (forget.length > 0 ? store.reopen?.(before.id, claim, forget) : store.claim(before.id, claim));
    if (ledger) return { definition, ledger, startedOn: before.version, reopened: hasEnded(before) };
    const { status } = (await store.find(before.id)) ?? before;
    throw new ExecutionStateError(before.id, status, action);
  }

  /** What has not ended stays on the version it was submitted for, as long as that is known. What failed may have been mended. */
  definitionOf({ workflow, version, status }: ExecutionRecord): WorkflowDefinition | undefined {
    const { registry } = this.world;
    const unfinished = status === 'running' || status === 'queued';
    return (unfinished ? registry.at(workflow, version) : undefined) ?? registry.find(workflow);
  }

  private claimOf(
    before: ExecutionRecord,
    { version, deadlineMs }: WorkflowDefinition,
    from: readonly ExecutionStatus[],
  ): ExecutionClaim {
    const now = this.world.clock.epochNow();
    // A run that goes on after its end gets its whole time again; one that a crash interrupted does not.
    const ended = hasEnded(before);
    const deadline = ended && deadlineMs !== undefined ? { deadlineAt: now + deadlineMs } : {};
    return { owner: this.world.owner, from, startedAt: now, version, absolve: ended, ...deadline };
  }

  private async orphaned(before: ExecutionRecord): Promise<RunEnd> {
    const { store, owner, clock } = this.world;
    const cause = new Error('no such workflow is registered any more');
    const error = new WorkflowFailedError(before.workflow, before.id, undefined, cause);
    const now = clock.epochNow();
    const ledger = await store.claim(before.id, { owner, from: RESUMABLE, startedAt: now, version: before.version });
    if (!ledger) return { status: 'interrupted' };
    const end = {
      status: 'failed',
      error: structuredError(error),
      degraded: false,
      finishedAt: now,
      totals: NO_TOTALS,
    } as const;
    return { status: 'failed', lease: leaseOf(ledger), error, end };
  }
}

function hasEnded({ status }: ExecutionRecord): boolean {
  return status !== 'running' && status !== 'queued';
}
