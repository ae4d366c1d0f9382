import { randomUUID } from 'node:crypto';
import { uuidV7Source } from '@nest-resilience/core/kit';
import type { OfferedQueue } from '../cluster/offered-queue.js';
import { Presence } from '../cluster/presence.js';
import { Replica } from '../cluster/replica.js';
import type { WorkflowCluster } from '../cluster/seams.js';
import type { NodeDefinition, WorkflowDefinition } from '../graph/definition.js';
import type { ExecutionRecord, ExecutionStatus } from '../ledger/execution.js';
import type { ReplicaRecord } from '../ledger/execution-store.js';
import type { ExecutorLease } from '../ledger/executor-lease.js';
import { KeptDefinitions } from '../registry/kept-definitions.js';
import { versionKey } from '../registry/workflow-registry.js';
import {
  ExecutionNotFoundError,
  ExecutionStateError,
  LedgerFeatureError,
  NodeNotFoundError,
  WorkflowFailedError,
  WorkflowStoppingError,
} from '../workflow.errors.js';
import { WorkflowStats } from '../metrics/workflow-stats.js';
import type { ClaimedRun } from './active-runs.js';
import { AtWork } from './at-work.js';
import { Claims } from './claims.js';
import { Dispatcher } from './dispatcher.js';
import { ExecutionListeners } from './execution-listeners.js';
import { ExecutionRunner } from './execution-runner.js';
import type { ExecutorWorld } from './executor.world.js';
import { FallbackRuns } from './fallback-runs.js';
import { Lease } from './lease.js';
import { thisProcess, together } from './process-life.js';
import { untilEnd } from './until-end.js';
import { type NodePolicy, NodeRunner } from './node-runner.js';
import { Redrives } from './redrives.js';
import { type StartOptions, Submissions } from './submissions.js';
import { TakeUp } from './take-up.js';

/** A process that runs executions alone is taken for gone after this long without a sign of life. */
const ALONE_GONE_MS = 60_000;
/** No timer lasts longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const ENDED: readonly ExecutionStatus[] = ['succeeded', 'failed', 'cancelled'];

/** Accepts executions and runs them. */
export class Executor {
  readonly dispatcher: Dispatcher;
  /** Called back for every checkpoint and end in this process. */
  readonly changes = new ExecutionListeners();
  readonly atWork = new AtWork();
  readonly redrives: Redrives;
  readonly stats = new WorkflowStats();
  /** Absent where the store serves one process anyway. */
  readonly lease: Lease | undefined;
  private readonly submissions: Submissions;
  private readonly takeUp: Pick<TakeUp, 'begin' | 'leading' | 'stillLeading'>;
  private readonly claims: Claims;
  private readonly fallbacks: FallbackRuns;
  private readonly nodes: NodeRunner;
  /** This process as one of several; absent: it runs executions alone. */
  readonly replica: Replica | undefined;
  readonly presence: Presence;
  private readonly definitions: KeptDefinitions;
  private readonly owner: string;
  private readonly startedAt: number;
  /** By version of the workflow. */
  private readonly policies = new Map<string, Map<string, NodePolicy>>();

  constructor(private readonly world: ExecutorWorld) {
    const { store, registry, handlers, llm, clock, limits, cluster } = world;
    this.owner = cluster?.replicaId ?? randomUUID();
    this.startedAt = clock.epochNow();
    this.presence = new Presence({
      ...{ shared: store.shared, clock, goneMs: cluster?.leaseMs ?? ALONE_GONE_MS },
      me: () => this.myself(),
    });
    this.definitions = new KeptDefinitions(store.shared, registry);
    this.replica = cluster && this.replicaOf(cluster);
    const nextId = uuidV7Source(() => clock.epochNow());
    this.nodes = new NodeRunner({
      clock,
      llm,
      maxResultBytes: limits.resultBytes,
      stopping: () => this.dispatcher.stopping,
      handler: (target) => handlers.resolve(target),
      policy: (definition, node) => this.policyOf(definition, node),
      requests: world.requests,
      keepItem: (run, node, index, error) => world.keepItem(run.definition.name, run.executionId, node, index, error),
    });
    const alone = new TakeUp(
      () => this.dispatcher,
      world.resume ?? true,
      () => this.introduce(),
      (message, error) => world.report(message, error),
    );
    this.takeUp = this.replica ?? alone;
    this.lease = store.lease && this.leaseOf(store.lease);
    this.claims = new Claims({
      ...{ store, registry, clock, cluster, owner: this.owner, definitions: this.definitions, presence: this.presence },
      log: (message) => world.log?.(message),
    });
    this.redrives = new Redrives({
      store,
      registry,
      claims: this.claims,
      nodes: this.nodes,
      listBytes: limits.listBytes,
    });
    this.fallbacks = new FallbackRuns({
      ...{ store, registry, clock, claims: this.claims, nextId },
      dispatcher: () => this.dispatcher,
      cancelled: (execution) => this.stats.cancelled(execution),
    });
    const runner = new ExecutionRunner({
      store,
      clock,
      limits,
      nodes: this.nodes,
      changed: (id) => {
        this.changes.notify(id);
        cluster?.bus.publish({ kind: 'changed', id });
      },
      atWork: this.atWork,
      stirred: (id) => this.changes.notify(id),
      policy: (definition) => this.policyOf(definition),
      stopping: () => this.dispatcher.stopping,
      enter: (execution) => this.dispatcher.suspects.enter(execution),
      left: () => this.dispatcher.suspects.left(),
      progressed: (execution) => this.dispatcher.suspects.progressed(execution),
      isOurs: ({ id }) => this.replica?.leases.certain(id) ?? this.lease?.certain() ?? true,
      runFallback: (workflow, parent, signal) => this.fallbacks.run(workflow, parent, signal),
      dropFallbacks: (parent) => this.fallbacks.cancelAll(parent),
      keepNode: (execution, record, error) => world.keepNode(execution.workflow, execution.id, record.node, error),
    });
    this.dispatcher = new Dispatcher({
      store,
      registry,
      clock,
      random: world.random,
      closing: world.closing,
      limits,
      claims: this.claims,
      cluster,
      replica: this.replica,
      publish: (news) => cluster?.bus.publish(news),
      runner,
      lease: this.lease,
      changes: this.changes,
      ended: (run, end) => this.stats.ended(run, end),
      driveWithDeadLetter: (workflow, id) => world.driveWithDeadLetter(workflow, id),
      log: (message) => world.log?.(message),
      report: (message, error) => world.report(message, error),
    });
    cluster?.show?.(() => ({
      replicas: [{ ...this.myself(), silentMs: 0 }, ...this.presence.others],
      leases: this.replica?.leases.size ?? 0,
    }));
    cluster?.bus.subscribe((news) => this.dispatcher.heard(news));
    const { dispatcher, lease, owner } = this;
    this.submissions = new Submissions({ world, dispatcher, lease, owner, nextId });
  }

  /** Begins to take up what earlier processes left; where another process has that at work, once it is gone. */
  recover(): Promise<void> {
    return this.takeUp.begin(this.lease?.held ?? true);
  }

  /** Lets nodes at work finish for a while, then stops them, and leaves the ledger to the next process. */
  async shutdown(): Promise<void> {
    await this.dispatcher.shutdown();
    await this.replica?.leave();
    await this.lease?.close();
  }

  /** Resolves once the execution is durable; `created` is false when the key (or `join`) led to an earlier one. */
  start(workflow: string, input: unknown, options: StartOptions = {}): ReturnType<Submissions['start']> {
    return this.submissions.start(workflow, input, options);
  }

  /** @throws StoreUnavailableError when the ledger does not answer in time */
  findByKey(workflow: string, idempotencyKey: string | undefined): Promise<ExecutionRecord | undefined> {
    return this.submissions.findByKey(workflow, idempotencyKey);
  }

  /** Ends an execution whoever runs it, and what runs in its place. Resolves with false when it had ended before. */
  async cancel(execution: ExecutionRecord): Promise<boolean> {
    const { store, clock } = this.world;
    if (!(await store.cancel(execution.id, { finishedAt: clock.epochNow() }))) return false;
    this.stats.cancelled(execution);
    this.dispatcher.cancelled(execution.id);
    await this.fallbacks.cancelAll(execution);
    return true;
  }

  /**
   * Lets an execution go on that failed or was cancelled, or that is unfinished and nobody runs. Resolves once that is durable.
   * @throws ExecutionNotFoundError, ExecutionStateError, WorkflowNotFoundError, WorkflowStoppingError, ExecutorElsewhereError
   */
  async resume(executionId: string): Promise<ExecutionRecord> {
    const from: ExecutionStatus[] = ['failed', 'cancelled'];
    if (!this.dispatcher.has(executionId)) from.push('running', 'queued');
    const before = await this.open(executionId, 'resumed', from);
    return this.goOn(await this.claims.reopen(before, from, 'resumed'));
  }

  /**
   * Runs a node of an ended execution again, and every node that waited for it. Resolves once that is durable.
   * @throws ExecutionNotFoundError, ExecutionStateError, NodeNotFoundError, WorkflowNotFoundError, WorkflowStoppingError,
   * ExecutorElsewhereError, LedgerFeatureError
   */
  async retryFrom(executionId: string, node: string): Promise<ExecutionRecord> {
    const { store, registry } = this.world;
    const before = await this.open(executionId, 'retried', ENDED);
    if (!store.reopen) throw new LedgerFeatureError('reopen', 'retry an execution from a node');
    const { name, nodes, order } = registry.get(before.workflow);
    if (!order.includes(node)) throw new NodeNotFoundError(name, node, order);
    const again = order.filter((other) => other === node || nodes.get(other)?.ancestors.includes(node));
    return this.goOn(await this.claims.reopen(before, ENDED, 'retried', again));
  }

  /** Lets go of what belongs to none of these definitions any more. */
  retain(definitions: readonly WorkflowDefinition[]): void {
    this.stats.retain(definitions);
    const known = new Set(definitions.map(versionKey));
    for (const version of this.policies.keys()) if (!known.has(version)) this.policies.delete(version);
  }

  /** Runs what a dead letter calls, or joins its run. @throws ExecutorElsewhereError, WorkflowFailedError */
  async drive(executionId: string): Promise<void> {
    // The dispatcher's own calls come through a dead letter, too.
    if (this.dispatcher.isAtWork(executionId)) return this.dispatcher.drive(executionId);
    await this.lease?.require();
    await this.dispatcher.drive(executionId);
    if (this.replica) await this.untilEndedElsewhere(executionId);
  }

  /** Keeps the definitions in use that are data, and says that this process is there. Rejects when the ledger fails. */
  async introduce(): Promise<void> {
    await this.definitions.keep();
    await this.presence.beat();
  }

  /** It may be at work in another process. @throws WorkflowFailedError */
  private async untilEndedElsewhere(id: string): Promise<void> {
    const { store, clock } = this.world;
    await untilEnd({
      ...{ clock, timeoutMs: MAX_TIMER_MS, signal: undefined, find: () => store.find(id) },
      onEnd: (listener) => this.dispatcher.onEnd(id, listener),
      stopping: () => this.dispatcher.stopping,
    });
    const execution = await store.find(id);
    if (execution?.status === 'running' || execution?.status === 'queued')
      throw new WorkflowStoppingError(execution.workflow);
    if (execution?.status === 'failed')
      throw new WorkflowFailedError(execution.workflow, id, execution.error?.node, execution.error);
  }

  private myself(): ReplicaRecord {
    const { limits, registry } = this.world;
    const versions = registry.known().map(versionKey);
    const { running } = this.dispatcher.load;
    return { id: this.owner, startedAt: this.startedAt, versions, running, capacity: limits.running };
  }

  private replicaOf(cluster: WorkflowCluster): Replica {
    const { store, clock, limits, random } = this.world;
    if (!store.shared) throw new LedgerFeatureError('shared', 'be run by several processes');
    return new Replica({
      ...{ cluster, shared: store.shared, clock, concurrency: limits.running, presence: this.presence },
      ...(random && { random }),
      queue: () => this.dispatcher.queue as OfferedQueue,
      work: (work) => this.dispatcher.work(work),
      lost: (id) => this.dispatcher.lostOne(id),
      report: (message, error) => this.world.report(message, error),
    });
  }

  private leaseOf(ledger: ExecutorLease): Lease {
    return new Lease({
      ledger,
      clock: this.world.clock,
      ...(this.world.cluster ? { me: together(), together: true } : { me: thisProcess(this.owner) }),
      taken: (lease) => this.takeUp.leading(lease),
      lost: () => this.dispatcher.lost(),
      renewed: () => this.takeUp.stillLeading(),
      log: (message) => this.world.log?.(message),
      report: (message, error) => this.world.report(message, error),
    });
  }

  private async open(executionId: string, action: string, from: readonly ExecutionStatus[]): Promise<ExecutionRecord> {
    const execution = await this.world.store.find(executionId);
    if (!execution) throw new ExecutionNotFoundError(executionId);
    if (this.dispatcher.stopping) throw new WorkflowStoppingError(execution.workflow);
    await this.lease?.require();
    if (!from.includes(execution.status)) throw new ExecutionStateError(executionId, execution.status, action);
    await this.dispatcher.untilLeft(executionId);
    return execution;
  }

  private goOn(claimed: ClaimedRun): ExecutionRecord {
    this.dispatcher.goOn(claimed);
    const { nodes: _, ...execution } = claimed.ledger;
    return execution;
  }

  private policyOf(definition: WorkflowDefinition, node?: NodeDefinition): NodePolicy | undefined {
    if (Object.keys((node ?? definition).policies.options).length === 0) return undefined;
    const version = versionKey(definition);
    const policies = this.policies.get(version) ?? new Map<string, NodePolicy>();
    this.policies.set(version, policies);
    // No node has an empty name.
    const key = node?.name ?? '';
    const policy = policies.get(key) ?? this.world.createPolicy(definition, node);
    policies.set(key, policy);
    return policy;
  }
}
