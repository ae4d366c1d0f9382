import type { Clock } from '@nest-resilience/core';
import { type Presence, VERSION_PATIENCE_MS } from '../cluster/presence.js';
import { CLUSTER_OWNER, type WorkflowCluster } from '../cluster/seams.js';
import type { WorkflowDefinition } from '../graph/definition.js';
import { type ExecutionRecord, type ExecutionStatus, NO_TOTALS } from '../ledger/execution.js';
import { type ExecutionClaim, type ExecutionStore, leaseOf } from '../ledger/execution-store.js';
import { structuredError } from '../ledger/structured-error.js';
import type { KeptDefinitions } from '../registry/kept-definitions.js';
import { versionKey, type WorkflowRegistry } from '../registry/workflow-registry.js';
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
  readonly cluster: WorkflowCluster | undefined;
  readonly definitions: KeptDefinitions;
  readonly presence: Presence;
  log(message: string): void;
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
    const definition = await this.versionFor(before);
    if (!definition && this.world.presence.mustWait(versionKey({ ...before, name: before.workflow })))
      return { end: { status: 'unknown_version', error: unknownVersion(before) } };
    const current = definition ?? this.movedOn(before);
    if (!current) return { end: await this.orphaned(before) };
    // Only as it was read: whoever took it up since then has it, and may be this process.
    const movedFrom = definition || hasEnded(before) ? {} : { movedFrom: before.version };
    const claim = { ...this.claimOf(before, current, [before.status]), ...movedFrom };
    const ledger = await this.world.store.claim(id, claim);
    if (!ledger) return { end: { status: 'interrupted' } };
    return { definition: current, ledger, startedOn: before.version, reopened: before.status === 'failed' };
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

  /** What has not ended stays on the version it was submitted for, as long as that is known here. What failed may have been mended. */
  definitionOf(execution: ExecutionRecord): WorkflowDefinition | undefined {
    const { workflow, version } = execution;
    const { registry } = this.world;
    return (hasEnded(execution) ? undefined : registry.at(workflow, version)) ?? registry.find(workflow);
  }

  /** What it has to run on: nothing while that is not known here. */
  private async versionFor(before: ExecutionRecord): Promise<WorkflowDefinition | undefined> {
    const { workflow, version } = before;
    const { registry, definitions } = this.world;
    if (hasEnded(before)) return registry.find(workflow);
    return registry.at(workflow, version) ?? definitions.find(workflow, version);
  }

  /** Nobody knows its version any more: it goes on under today's rules. */
  private movedOn({ id, workflow, version }: ExecutionRecord): WorkflowDefinition | undefined {
    const current = this.world.registry.find(workflow);
    if (current)
      this.world.log(
        `Execution ${id} of '${workflow}' goes on with version ${current.version}: no process has known its version ` +
          `${version} for ${VERSION_PATIENCE_MS / 60_000} minutes`,
      );
    return current;
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
    return { ...this.owning(), from, startedAt: now, version, absolve: ended, ...deadline };
  }

  /** Whose it becomes, and for how long. */
  private owning(): Pick<ExecutionClaim, 'owner' | 'leaseMs' | 'executor'> {
    const { owner, cluster } = this.world;
    return { owner, ...(cluster && { leaseMs: cluster.leaseMs, executor: CLUSTER_OWNER }) };
  }

  private async orphaned(before: ExecutionRecord): Promise<RunEnd> {
    const { store, clock } = this.world;
    const cause = new Error('no such workflow is registered any more');
    const error = new WorkflowFailedError(before.workflow, before.id, undefined, cause);
    const now = clock.epochNow();
    const ledger = await store.claim(before.id, {
      ...this.owning(),
      ...{ from: RESUMABLE, startedAt: now, version: before.version },
    });
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

function unknownVersion({ id, workflow, version }: ExecutionRecord): Error {
  return new Error(`execution ${id} waits for a process that knows version ${version} of '${workflow}'`);
}

function hasEnded({ status }: ExecutionRecord): boolean {
  return status !== 'running' && status !== 'queued';
}
