import type { Clock, Random, ShutdownWait } from '@nest-resilience/core';
import { OfferedQueue } from '../cluster/offered-queue.js';
import type { Replica } from '../cluster/replica.js';
import type { ExecutionNews, WorkflowCluster, WorkOutcome } from '../cluster/seams.js';
import type { WorkflowDefinition } from '../graph/definition.js';
import type { ExecutionRecord } from '../ledger/execution.js';
import { type ExecutionEnd, type ExecutionStore, leaseOf, type Work, workOf } from '../ledger/execution-store.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import type { WorkflowLimits } from '../workflow.limits.js';
import type { EndedRun } from '../metrics/workflow-stats.js';
import { type ActiveRun, ActiveRuns, type ClaimedRun } from './active-runs.js';
import type { Claims } from './claims.js';
import type { ExecutionRunner } from './execution-runner.js';
import { ExecutionListeners } from './execution-listeners.js';
import { Later } from './later.js';
import type { Lease } from './lease.js';
import { type Load, loadByWorkflow } from './load-by-workflow.js';
import type { RunEnd } from './run-ends.js';
import { type Place, RunQueue, type WaitingRuns } from './run-queue.js';
import { type Precedent, Suspects } from './suspects.js';

export interface DispatcherWorld {
  readonly store: ExecutionStore;
  readonly registry: WorkflowRegistry;
  readonly clock: Clock;
  readonly random: Random | undefined;
  /** What the rest of the application waits with when it ends. */
  readonly closing: Pick<ShutdownWait, 'forWork' | 'forLast'>;
  readonly limits: WorkflowLimits;
  readonly claims: Claims;
  readonly cluster: WorkflowCluster | undefined;
  readonly runner: ExecutionRunner;
  /** Absent where the store serves one process anyway. */
  readonly lease: Lease | undefined;
  /** This process as one of several; absent: it runs executions alone. */
  readonly replica: Replica | undefined;
  /** Told of every end, and by the runner of every checkpoint. */
  readonly changes: ExecutionListeners;
  /** Calls {@link Dispatcher.drive} in such a way that a failure becomes a dead letter; rejects with the failure. */
  driveWithDeadLetter(workflow: string, executionId: string): Promise<void>;
  /** Told of every end of a known workflow's run, once the ledger has it. */
  ended(run: EndedRun, end: ExecutionEnd): void;
  log(message: string): void;
  /** Something that nobody waits for went wrong. */
  report(message: string, error: unknown): void;
  /** Tells other processes. */
  publish(news: ExecutionNews): void;
}

/** Decides which executions run in this process now, and which wait. */
export class Dispatcher {
  private readonly active = new ActiveRuns();
  readonly queue: WaitingRuns;
  private readonly ended = new ExecutionListeners();
  /** Told whenever nothing of an execution is at work here any more. */
  private readonly left = new ExecutionListeners();
  private readonly later: Later;
  readonly suspects: Suspects;
  /** On their way into the ledger, which may show them before whoever stores them hears of it. */
  readonly arriving = new Set<string>();
  stopping = false;

  constructor(private readonly world: DispatcherWorld) {
    this.suspects = new Suspects({
      clock: world.clock,
      launch: ({ id, workflow }) => void this.launch(id, workflow),
      note: (note) => world.lease?.note(note) ?? Promise.resolve(),
      log: (message) => world.log(message),
      report: (message, error) => world.report(message, error),
      over: () => this.pump(),
    });
    const active = () => this.active.size;
    this.queue = world.cluster
      ? new OfferedQueue(world.cluster.dispatch, world.limits.queued, active)
      : new RunQueue(world.limits, active, () => this.suspects.busy);
    this.later = new Later(
      world.clock,
      (id) => this.takeUp(id),
      (message, error) => world.report(message, error),
      world.random,
    );
  }

  get load(): Load {
    return { running: this.queue.running, queued: this.queue.queued + this.suspects.size };
  }

  /** By workflow, of those that have any. */
  get loads(): Map<string, Load> {
    return loadByWorkflow(this.active.workflows(), [...this.suspects.workflows(), ...this.queue.workflows()]);
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
      return void this.launch(execution.id, execution.workflow, this.world.claims.ofNew(execution, definition));
    this.queue.push(workOf(execution));
    this.pump();
  }

  /** The ledger failed while it stored an execution: only its answer may have been lost. What is found there then runs. */
  lookFor(id: string, error: unknown): void {
    this.later.schedule(id, error, 'may have been stored: looked for');
  }

  /** Takes up what an earlier process left unfinished: what was at work when it died one by one, then the rest. */
  async recover(precedent?: Precedent): Promise<number> {
    const unfinished = await this.world.store.unfinished();
    const left = unfinished.filter(({ id }) => !this.has(id));
    if (this.stopping) return 0;
    const rest = left.filter(({ crashes = 0 }) => crashes === 0);
    if (rest.length > 0) this.world.log(`${rest.length} unfinished executions go on`);
    this.queue.pushFirst(rest.map((left) => workOf({ version: '', ...left })));
    this.suspects.tryAll(
      left.filter(({ crashes = 0 }) => crashes > 0),
      precedent,
    );
    this.pump();
    return left.length;
  }

  isAtWork(id: string): boolean {
    return this.active.has(id);
  }

  /** Whether this process runs the execution, or will. */
  has(id: string): boolean {
    return this.hasAtHand(id) || this.queue.has(id);
  }

  /** Another process runs executions from now on. */
  lost(): void {
    this.queue.clear();
    this.suspects.clear();
    this.active.stopAll('lost');
  }

  /** Lets an execution go on that was claimed for it, beside the limits: somebody asked for this one. */
  goOn(claimed: ClaimedRun): void {
    void this.launch(claimed.ledger.id, claimed.definition.name, claimed);
  }

  /** Runs an execution that somebody offers. Never rejects. */
  async work({ id, workflow }: Work): Promise<WorkOutcome> {
    if (this.stopping) return 'stopping';
    if (this.active.has(id)) return 'busy';
    return this.outcomeOf(await this.launch(id, workflow));
  }

  /** Resolves when nothing of the execution is at work in this process. A cancelled one has to let go first. */
  async untilLeft(executionId: string): Promise<void> {
    while (this.active.has(executionId)) await new Promise<void>((resolve) => this.left.once(executionId, resolve));
  }

  /**
   * Runs an execution to its end, or joins the run that is under way. Resolves when nothing is left to do.
   * @param claimed for it already
   * @throws WorkflowFailedError
   */
  async drive(executionId: string, claimed?: ClaimedRun): Promise<void> {
    const mine = claimed && { workflow: claimed.definition.name, claimed };
    const active = this.active.get(executionId) ?? this.active.enter(executionId, { supervised: false, ...mine });
    if (active.driving) return outcome(await active.driving);
    active.driving = this.run(active).catch((error: unknown) => ({ status: 'interrupted', error }));
    try {
      const end = (active.end = await active.driving);
      if (end.status === 'failed' && !active.supervised) await this.finish(end, end.end);
      // What the supervisor repairs is no failure of the run, so no dead letter must come of it.
      if (end.status === 'failed' || !active.supervised) outcome(end);
    } finally {
      if (!active.supervised) this.leave(active);
    }
  }

  /** Stops a run whose ledger entry is cancelled already. */
  cancelled(executionId: string): void {
    this.queue.remove(executionId);
    this.world.publish({ kind: 'cancelled', id: executionId });
    this.heard({ kind: 'cancelled', id: executionId });
  }

  /** Another process did something to an execution. */
  heard({ kind, id }: ExecutionNews): void {
    if (kind === 'cancelled') this.active.stop(id, 'cancelled');
    this.world.changes.notify(id);
    if (kind !== 'changed') this.ended.notify(id);
  }

  /** Another process has it now. */
  lostOne(id: string): void {
    this.active.stop(id, 'lost');
  }

  /** Calls back when the execution has ended, as far as this process hears of it, or was interrupted here. */
  onEnd(executionId: string, listener: () => void): () => void {
    return this.ended.add(executionId, listener);
  }

  /** Starts nothing new from here on. */
  stop(): void {
    this.stopping = true;
    this.later.stop();
    this.suspects.stop();
    this.world.replica?.pause();
  }

  /** Starts nothing new, lets nodes at work finish for a while, then stops them. What is unfinished stays in the ledger. */
  async shutdown(): Promise<void> {
    this.stop();
    const { closing, limits } = this.world;
    if (await closing.forWork(this.active.untilIdle(), limits.shutdownMs)) return;
    this.active.stopAll('shutdown');
    if (await closing.forLast(this.active.untilIdle())) return;
    const left = `${this.active.size} executions are left as they are and will go on when the application starts`;
    this.world.report(left, new Error('the ledger does not answer'));
  }

  private hasAtHand(id: string): boolean {
    return this.active.has(id) || this.arriving.has(id) || this.later.has(id) || this.suspects.has(id);
  }

  private pump(): void {
    while (!this.stopping) {
      const next = this.queue.next();
      if (next === undefined) return;
      if (this.active.has(next.id)) void this.goOnAfter(next.id);
      else void this.launch(next.id, next.workflow);
    }
  }

  /** Somebody redrove it while it waited. Only what that leaves unfinished waits again. */
  private async goOnAfter(id: string): Promise<void> {
    await this.untilLeft(id);
    await this.takeUp(id).catch((error: unknown) => this.tryLater(id, error));
  }

  private launch(id: string, workflow: string, claimed?: ClaimedRun): Promise<RunEnd | undefined> {
    const active = this.active.enter(id, { supervised: true, workflow, ...(claimed && { claimed }) });
    return this.supervise(active, workflow);
  }

  private async supervise(active: ActiveRun, workflow: string): Promise<RunEnd | undefined> {
    try {
      const definition = this.world.registry.find(workflow);
      await (definition?.deadLetter
        ? this.world.driveWithDeadLetter(definition.name, active.id)
        : this.drive(active.id));
      const end = await active.driving;
      if (end?.status === 'interrupted' && end.error !== undefined) this.tryLater(active.id, end.error);
      else if (end?.status !== 'unknown_version') this.later.forget(active.id);
      else if (!this.world.cluster) this.later.schedule(active.id, end.error, 'waits: looked at again');
      return end;
    } catch (error) {
      const end = await active.driving;
      if (end?.status === 'failed') await this.keepFailure(active, end, error);
      else this.tryLater(active.id, error);
      return end;
    } finally {
      this.leave(active);
    }
  }

  private async keepFailure({ id }: ActiveRun, failure: FailedRun, error: unknown): Promise<void> {
    const deadLetterId = (error as { deadLetterId?: unknown } | null)?.deadLetterId;
    try {
      await this.finish(failure, typeof deadLetterId === 'string' ? { ...failure.end, deadLetterId } : failure.end);
      this.later.forget(id);
    } catch (ledgerError) {
      this.tryLater(id, ledgerError);
    }
  }

  private async run(active: ActiveRun): Promise<RunEnd> {
    const { clock, claims, replica } = this.world;
    const askedAt = clock.now();
    const claimed = active.claimed ?? (await claims.take(active.id, active.supervised));
    active.claimed = undefined;
    if ('end' in claimed) return claimed.end;
    const { definition, ledger, startedOn, reopened } = claimed;
    active.workflow = definition.name;
    replica?.leases.hold(leaseOf(ledger), askedAt);
    const end = await this.world.runner.run(definition, ledger, startedOn, active.stop);
    if (!('run' in end) || end.run === undefined) return end;
    // What an execution brings along from before its last end was counted then.
    const before = new Set(reopened ? ledger.nodes : []);
    const run = { ...end.run, nodes: end.run.nodes.filter((record) => !before.has(record)) };
    if (end.status === 'succeeded' && end.end) this.world.ended(run, end.end);
    return { ...end, run };
  }

  private async finish({ lease, run }: FailedRun, end: ExecutionEnd): Promise<void> {
    if ((await this.world.store.finish(lease, end)) && run) this.world.ended(run, end);
  }

  private leave(active: ActiveRun): void {
    const { id, end } = active;
    const { changes, replica } = this.world;
    const lease = replica?.leases.drop(id);
    if (lease && this.stopping) replica?.interrupted(lease);
    this.active.leave(active);
    this.suspects.ended(id);
    this.left.notify(id);
    // What somebody else has, or will have, has not ended.
    if (this.outcomeOf(end) === 'left') {
      changes.notify(id);
      this.ended.notify(id);
    }
    if (end?.status === 'succeeded' || end?.status === 'failed') this.world.publish({ kind: 'ended', id });
    this.pump();
  }

  private outcomeOf(end: RunEnd | undefined): WorkOutcome {
    if (end?.status === 'unknown_version') return 'unknown_version';
    return end?.status === 'interrupted' && end.error === undefined && !this.stopping ? 'busy' : 'left';
  }

  private tryLater(id: string, error: unknown): void {
    if (this.stopping)
      this.world.report(`Execution ${id} is interrupted and will go on when the application starts`, error);
    else this.later.schedule(id, error);
  }

  private async takeUp(id: string): Promise<void> {
    const execution = await this.world.store.find(id);
    if (this.stopping || this.active.has(id) || this.queue.has(id)) return;
    if (this.world.lease && !this.world.lease.held) return this.later.forget(id);
    if (execution?.status !== 'running' && execution?.status !== 'queued') return this.later.forget(id);
    this.queue.pushFirst([workOf(execution)]);
    this.pump();
  }
}

type FailedRun = Extract<RunEnd, { status: 'failed' }>;

function outcome(end: RunEnd): void {
  if (end.status === 'failed' || (end.status === 'interrupted' && end.error !== undefined)) throw end.error;
}
