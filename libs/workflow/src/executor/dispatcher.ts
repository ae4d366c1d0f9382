import type { Clock } from '@nest-resilience/core';
import type { WorkflowDefinition } from '../graph/definition.js';
import type { ExecutionRecord } from '../ledger/execution.js';
import type { ExecutionStore } from '../ledger/execution-store.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import { WorkflowFailedError } from '../workflow.errors.js';
import type { WorkflowLimits } from '../workflow.limits.js';
import { type ActiveRun, ActiveRuns, type ClaimedRun } from './active-runs.js';
import type { Claims } from './claims.js';
import type { ExecutionRunner } from './execution-runner.js';
import { ExecutionListeners } from './execution-listeners.js';
import { Later } from './later.js';
import type { RunEnd } from './run-ends.js';
import { type Place, RunQueue } from './run-queue.js';

export interface DispatcherWorld {
  readonly store: ExecutionStore;
  readonly registry: WorkflowRegistry;
  readonly clock: Clock;
  readonly limits: WorkflowLimits;
  readonly owner: string;
  readonly claims: Claims;
  readonly runner: ExecutionRunner;
  /** Told of every end, and by the runner of every checkpoint. */
  readonly changes: ExecutionListeners;
  /** Calls {@link Dispatcher.drive} in such a way that a failure becomes a dead letter; rejects with the failure. */
  driveWithDeadLetter(workflow: string, executionId: string): Promise<void>;
  /** Something that nobody waits for went wrong. */
  report(message: string, error: unknown): void;
}

/** Decides which executions run in this process now, and which wait. */
export class Dispatcher {
  private readonly active = new ActiveRuns();
  private readonly queue: RunQueue;
  private readonly ended = new ExecutionListeners();
  private readonly later: Later;
  stopping = false;

  constructor(private readonly world: DispatcherWorld) {
    this.queue = new RunQueue(world.limits, () => this.active.size);
    this.later = new Later(
      world.clock,
      (id) => this.takeUp(id),
      (message, error) => world.report(message, error),
    );
  }

  get load(): { running: number; queued: number } {
    return { running: this.queue.running, queued: this.queue.queued };
  }

  /** Takes a place for an execution that is about to be stored; `undefined` when everything is full. */
  reserve(): Place | undefined {
    return this.queue.reserve();
  }

  /** Gives a place back that was not needed. */
  release(place: Place): void {
    this.queue.release(place);
    this.pump();
  }

  /** Runs or queues an execution that is durable now. */
  accept(execution: ExecutionRecord, definition: WorkflowDefinition, place: Place): void {
    this.queue.release(place);
    if (place === 'running')
      return this.launch(execution.id, execution.workflow, this.world.claims.ofNew(execution, definition));
    this.queue.push(execution.id);
    this.pump();
  }

  /** Takes up what an earlier process left unfinished. */
  async recover(): Promise<number> {
    const ids = await this.world.store.unfinished();
    const left = ids.filter((id) => !this.active.has(id) && !this.queue.has(id));
    this.queue.pushFirst(left);
    this.pump();
    return left.length;
  }

  /** Lets an execution go on that was claimed for it, beside the limits: somebody asked for this one. */
  goOn(claimed: ClaimedRun): void {
    this.launch(claimed.ledger.id, claimed.definition.name, claimed);
  }

  /** Resolves when nothing of the execution is at work in this process. A cancelled one has to let go first. */
  async untilLeft(executionId: string): Promise<void> {
    while (this.active.has(executionId)) await new Promise<void>((resolve) => this.ended.once(executionId, resolve));
  }

  /**
   * Runs an execution to its end, or joins the run that is under way. Resolves when nothing is left to do.
   * @throws WorkflowFailedError
   */
  async drive(executionId: string): Promise<void> {
    const active = this.active.get(executionId) ?? this.active.enter(executionId, { supervised: false });
    if (active.driving) return outcome(await active.driving);
    active.driving = this.run(active).catch((error: unknown) => ({ status: 'interrupted', error }));
    try {
      const end = await active.driving;
      if (end.status === 'failed' && !active.supervised)
        await this.world.store.finish(executionId, this.world.owner, end.end);
      // What the supervisor repairs is no failure of the run, so no dead letter must come of it.
      if (end.status === 'failed' || !active.supervised) outcome(end);
    } finally {
      if (!active.supervised) this.leave(active);
    }
  }

  /** Runs a workflow in place of `parent`, in the parent's own place. */
  async runChild(child: ExecutionRecord): Promise<ExecutionRecord | undefined> {
    const { execution } = await this.world.store.create(child);
    if (execution.status !== 'succeeded') {
      await this.drive(execution.id).catch((error: unknown) => {
        if (!(error instanceof WorkflowFailedError)) throw error;
      });
    }
    const end = await this.world.store.find(execution.id);
    return end?.status === 'succeeded' ? end : undefined;
  }

  /** Stops a run whose ledger entry is cancelled already. */
  cancelled(executionId: string): void {
    this.queue.remove(executionId);
    this.active.stop(executionId, 'cancelled');
    this.world.changes.notify(executionId);
    this.ended.notify(executionId);
  }

  /** Calls back once when the execution has ended (or was interrupted) in this process. */
  onEnd(executionId: string, listener: () => void): () => void {
    return this.ended.once(executionId, listener);
  }

  /** Starts nothing new from here on. */
  stop(): void {
    this.stopping = true;
    this.later.stop();
  }

  /** Starts nothing new, lets nodes at work finish for a while, then stops them. What is unfinished stays in the ledger. */
  async shutdown(): Promise<void> {
    this.stop();
    if (this.active.size === 0) return;
    const timer = this.world.clock.setTimer(() => this.active.stopAll('shutdown'), this.world.limits.shutdownMs);
    await this.active.untilIdle();
    timer.cancel();
  }

  private pump(): void {
    while (!this.stopping) {
      const id = this.queue.next();
      if (id === undefined) return;
      this.launch(id, undefined);
    }
  }

  private launch(id: string, workflow: string | undefined, claimed?: ClaimedRun): void {
    const active = this.active.enter(id, { supervised: true, ...(claimed && { claimed }) });
    void this.supervise(active, workflow);
  }

  private async supervise(active: ActiveRun, workflow: string | undefined): Promise<void> {
    try {
      const name = workflow ?? (await this.world.store.find(active.id))?.workflow;
      const definition = name === undefined ? undefined : this.world.registry.find(name);
      await (definition?.deadLetter
        ? this.world.driveWithDeadLetter(definition.name, active.id)
        : this.drive(active.id));
      const end = await active.driving;
      if (end?.status === 'interrupted' && end.error !== undefined) this.tryLater(active.id, end.error);
      else this.later.forget(active.id);
    } catch (error) {
      const end = await active.driving;
      if (end?.status === 'failed') await this.keepFailure(active, end, error);
      else this.tryLater(active.id, error);
    } finally {
      this.leave(active);
    }
  }

  private async keepFailure(
    { id }: ActiveRun,
    { end }: Extract<RunEnd, { status: 'failed' }>,
    error: unknown,
  ): Promise<void> {
    const { store, owner } = this.world;
    const deadLetterId = (error as { deadLetterId?: unknown } | null)?.deadLetterId;
    try {
      await store.finish(id, owner, typeof deadLetterId === 'string' ? { ...end, deadLetterId } : end);
    } catch (ledgerError) {
      this.tryLater(id, ledgerError);
    }
  }

  private async run(active: ActiveRun): Promise<RunEnd> {
    const claimed = active.claimed ?? (await this.world.claims.take(active.id));
    active.claimed = undefined;
    if ('end' in claimed) return claimed.end;
    return this.world.runner.run(claimed.definition, claimed.ledger, claimed.startedOn, active.stop);
  }

  private leave({ id }: ActiveRun): void {
    this.active.leave(id);
    this.world.changes.notify(id);
    this.ended.notify(id);
    this.pump();
  }

  private tryLater(id: string, error: unknown): void {
    if (this.stopping)
      this.world.report(`Execution ${id} is interrupted and will go on when the application starts`, error);
    else this.later.schedule(id, error);
  }

  private async takeUp(id: string): Promise<void> {
    const execution = await this.world.store.find(id);
    if (this.stopping || this.active.has(id)) return;
    if (execution?.status === 'running' || execution?.status === 'queued') this.launch(id, execution.workflow);
  }
}

function outcome(end: RunEnd): void {
  if (end.status === 'failed' || (end.status === 'interrupted' && end.error !== undefined)) throw end.error;
}
