import type { Clock } from '@nest-resilience/core';
import type { ExecutionRecord, ExecutionStatus } from '../ledger/execution.js';
import { NO_TOTALS } from '../ledger/execution.js';
import type { ExecutionStore } from '../ledger/execution-store.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import { ExecutionNotFoundError, WorkflowFailedError } from '../workflow.errors.js';
import type { WorkflowLimits } from '../workflow.limits.js';
import type { ExecutionRunner, RunEnd } from './execution-runner.js';
import { EndListeners } from './end-listeners.js';
import { Later } from './later.js';
import { RunStop } from './run-stop.js';

export interface DispatcherWorld {
  readonly store: ExecutionStore;
  readonly registry: WorkflowRegistry;
  readonly clock: Clock;
  readonly limits: WorkflowLimits;
  readonly owner: string;
  /** Calls {@link Dispatcher.drive} in such a way that a failure becomes a dead letter; rejects with the failure. */
  driveWithDeadLetter(workflow: string, executionId: string): Promise<void>;
  /** Something that nobody waits for went wrong. */
  report(message: string, error: unknown): void;
}

interface Active {
  readonly id: string;
  readonly stop: AbortController;
  /** Somebody writes the failure into the ledger after the dead letter was made. */
  readonly supervised: boolean;
  /** States it may be taken up from. */
  readonly from: readonly ExecutionStatus[];
  /** Nothing has to be read or claimed first. */
  fresh: ExecutionRecord | undefined;
  driving: Promise<RunEnd> | undefined;
}

const RESUMABLE: readonly ExecutionStatus[] = ['failed', 'queued', 'running'];

/** Decides which executions run in this process now, and which wait. */
export class Dispatcher {
  private readonly active = new Map<string, Active>();
  private readonly queue: string[] = [];
  private readonly ended = new EndListeners();
  private readonly later: Later;
  private idle: (() => void)[] = [];
  private reserved = 0;
  stopping = false;

  constructor(
    private readonly world: DispatcherWorld,
    private readonly runner: ExecutionRunner,
  ) {
    const { clock } = world;
    this.later = new Later(
      clock,
      (id) => this.takeUp(id),
      (message, error) => world.report(message, error),
    );
  }

  get load(): { running: number; queued: number } {
    return { running: this.active.size + this.reserved, queued: this.queue.length };
  }

  /** Takes a place for an execution that is about to be stored; `undefined` when everything is full. */
  reserve(): 'running' | 'queued' | undefined {
    const { running, queued } = this.world.limits;
    if (this.queue.length === 0 && this.load.running < running) {
      this.reserved++;
      return 'running';
    }
    return this.queue.length < queued ? 'queued' : undefined;
  }

  /** Gives a place back that was not needed. */
  release(place: 'running' | 'queued'): void {
    if (place === 'running') this.reserved--;
    this.pump();
  }

  /** Runs or queues an execution that is durable now. */
  accept(execution: ExecutionRecord, place: 'running' | 'queued'): void {
    if (place === 'running') {
      this.reserved--;
      this.launch(execution.id, execution.workflow, { fresh: execution });
    } else {
      this.queue.push(execution.id);
      this.pump();
    }
  }

  /** Takes up what an earlier process left unfinished. */
  async recover(): Promise<number> {
    const ids = (await this.world.store.unfinished()).filter((id) => !this.active.has(id) && !this.queue.includes(id));
    this.queue.unshift(...ids);
    this.pump();
    return ids.length;
  }

  /** Lets an ended execution go on, beside the limits: somebody asked for this one. */
  resume(execution: ExecutionRecord): void {
    if (!this.active.has(execution.id))
      this.launch(execution.id, execution.workflow, { from: ['failed', 'cancelled'] });
  }

  /**
   * Runs an execution to its end, or joins the run that is under way. Resolves when nothing is left to do.
   * @throws WorkflowFailedError
   */
  async drive(executionId: string): Promise<void> {
    const active = this.active.get(executionId) ?? this.enter(executionId, false);
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
    const place = this.queue.indexOf(executionId);
    if (place >= 0) this.queue.splice(place, 1);
    this.active.get(executionId)?.stop.abort(new RunStop('cancelled'));
    this.ended.notify(executionId);
  }

  /** Calls back once when the execution has ended (or was interrupted) in this process. */
  onEnd(executionId: string, listener: () => void): () => void {
    return this.ended.add(executionId, listener);
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
    const timer = this.world.clock.setTimer(() => {
      for (const { stop } of this.active.values()) stop.abort(new RunStop('shutdown'));
    }, this.world.limits.shutdownMs);
    await new Promise<void>((resolve) => this.idle.push(resolve));
    timer.cancel();
  }

  private pump(): void {
    while (!this.stopping && this.load.running < this.world.limits.running) {
      const id = this.queue.shift();
      if (id === undefined) return;
      this.launch(id, undefined);
    }
  }

  private launch(
    id: string,
    workflow: string | undefined,
    how: { fresh?: ExecutionRecord; from?: readonly ExecutionStatus[] } = {},
  ): void {
    const active = this.enter(id, true, how);
    void this.supervise(active, workflow);
  }

  private async supervise(active: Active, workflow: string | undefined): Promise<void> {
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
    active: Active,
    { end }: Extract<RunEnd, { status: 'failed' }>,
    error: unknown,
  ): Promise<void> {
    const deadLetterId = (error as { deadLetterId?: unknown } | null)?.deadLetterId;
    try {
      await this.world.store.finish(
        active.id,
        this.world.owner,
        typeof deadLetterId === 'string' ? { ...end, deadLetterId } : end,
      );
    } catch (ledgerError) {
      this.tryLater(active.id, ledgerError);
    }
  }

  private async run(active: Active): Promise<RunEnd> {
    const { store, registry, owner, clock } = this.world;
    const { id, fresh, stop, from } = active;
    active.fresh = undefined;
    const before = fresh ?? (await store.find(id));
    if (!before) throw new ExecutionNotFoundError(id);
    if (before.status === 'succeeded') return { status: 'succeeded' };
    if (!from.includes(before.status)) return { status: 'cancelled' };
    const definition = registry.find(before.workflow);
    if (!definition) {
      const error = new WorkflowFailedError(
        before.workflow,
        id,
        undefined,
        new Error('no such workflow is registered any more'),
      );
      await store.claim(id, { owner, from, startedAt: clock.epochNow(), version: before.version });
      const end = {
        status: 'failed',
        error: { name: error.name, message: error.message, code: error.code },
        degraded: false,
        finishedAt: clock.epochNow(),
        totals: NO_TOTALS,
      } as const;
      return { status: 'failed', error, end };
    }
    if (fresh) return this.runner.run(definition, { ...fresh, nodes: [] }, fresh.version, stop);
    const now = clock.epochNow();
    // A run that goes on after a failure gets its whole time again; one that a crash interrupted does not.
    const restarts =
      (before.status === 'failed' || before.status === 'cancelled') && definition.deadlineMs !== undefined;
    const deadline = restarts ? { deadlineAt: now + (definition.deadlineMs ?? 0) } : {};
    const ledger = await store.claim(id, { owner, from, startedAt: now, version: definition.version, ...deadline });
    if (!ledger) return { status: 'interrupted' };
    return this.runner.run(definition, ledger, before.version, stop);
  }

  private enter(
    id: string,
    supervised: boolean,
    { fresh, from = RESUMABLE }: { fresh?: ExecutionRecord; from?: readonly ExecutionStatus[] } = {},
  ): Active {
    const active: Active = { id, supervised, from, fresh, stop: new AbortController(), driving: undefined };
    this.active.set(id, active);
    return active;
  }

  private leave({ id }: Active): void {
    this.active.delete(id);
    this.ended.notify(id);
    this.pump();
    if (this.active.size > 0) return;
    for (const resolve of this.idle.splice(0)) resolve();
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
