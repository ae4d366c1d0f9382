import { Inject, Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type Duration, parseDuration, ResilienceService } from '@nest-resilience/core';
import { type HealthSource, RESILIENCE_HEALTH } from '@nest-resilience/core/kit';
import type { NodeAtWork } from './executor/at-work.js';
import type { StartOptions } from './executor/submissions.js';
import { refused } from './executor/submission.js';
import { untilEnd } from './executor/until-end.js';
import type { WorkflowDefinition } from './graph/definition.js';
import { HEALTH_RETRY_AFTER_MS, healthReasons } from './health-gate.js';
import { cursorProblem } from './ledger/cursor.js';
import { type ExecutionLedger, type ExecutionRecord, isFinal } from './ledger/execution.js';
import {
  EXECUTION_STORE,
  type ExecutionFilter,
  type ExecutionListing,
  type ExecutionPage,
  type ExecutionStore,
} from './ledger/execution-store.js';
import type { ItemFilter, ItemPage } from './ledger/items.js';
import { toMetrics } from './ledger/metrics.js';
import type { ReloadReport } from './registry/workflow-loader.js';
import { WorkflowEngine } from './workflow.engine.js';
import {
  ExecutionNotFoundError,
  ExecutionStateError,
  LedgerFeatureError,
  NodeNotFoundError,
  WorkflowInputError,
  WorkflowUnhealthyError,
} from './workflow.errors.js';
import { circuitStates, type WorkflowReport } from './workflow.report.js';

/** Starts, watches and steers executions. Workflows are known once the module is initialised. */
@Injectable()
export class WorkflowService {
  constructor(
    @Inject(WorkflowEngine) private readonly engine: WorkflowEngine,
    @Inject(EXECUTION_STORE) private readonly store: ExecutionStore,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
  ) {}

  /**
   * Submits an execution. Resolves once it is durable: from then on it ends, whatever happens to this process.
   * @throws WorkflowNotFoundError, WorkflowInputError, WorkflowBusyError, IdempotencyConflictError, WorkflowStoppingError,
   * WorkflowUnhealthyError, StoreUnavailableError
   */
  async start(workflow: string, input: unknown, options?: StartOptions): Promise<ExecutionRecord> {
    try {
      await this.requireHealth(workflow, options?.idempotencyKey);
      return (await this.engine.executor.start(workflow, input, options)).execution;
    } catch (error) {
      return refused(workflow, error);
    }
  }

  /**
   * The execution once it ended, or as it stands when the time is over or the signal aborted; neither stops the execution.
   * @param timeout at most the `wait` limit, which is the default
   */
  async wait(
    executionId: string,
    { timeout, signal }: { readonly timeout?: Duration; readonly signal?: AbortSignal } = {},
  ): Promise<ExecutionLedger> {
    const asked = timeout === undefined ? this.engine.limits.waitMs : (parseDuration(timeout) ?? 0);
    const execution = await this.find(executionId);
    if (execution.status === 'running' || execution.status === 'queued') {
      await untilEnd({
        clock: this.resilience.clock,
        timeoutMs: Math.min(asked, this.engine.limits.waitMs),
        signal,
        onEnd: (listener) => this.engine.executor.dispatcher.onEnd(executionId, listener),
        find: () => this.store.find(executionId),
        stopping: () => this.engine.executor.dispatcher.stopping,
      });
    }
    return this.get(executionId);
  }

  /** The whole ledger of an execution. @throws ExecutionNotFoundError */
  async get(executionId: string): Promise<ExecutionLedger> {
    const ledger = await this.store.get(executionId);
    if (!ledger) throw new ExecutionNotFoundError(executionId);
    return ledger;
  }

  /**
   * Newest first. A page ends at the limit, or before where executions are large.
   * @throws WorkflowInputError for a cursor that is none
   */
  async list(filter: ExecutionFilter = {}, listing?: ExecutionListing): Promise<ExecutionPage> {
    const problem = cursorProblem(filter.cursor);
    if (problem) throw new WorkflowInputError('executions', [problem]);
    return this.store.list(filter, listing);
  }

  /**
   * Items of an `each` node, in the order of its list; each as soon as it has ended. Where a fallback made the result, they are those of the
   * fallback. A page ends at the limit, or before where items are large.
   * @throws ExecutionNotFoundError, NodeNotFoundError, LedgerFeatureError
   */
  async items(executionId: string, node: string, filter: Omit<ItemFilter, 'node' | 'step'> = {}): Promise<ItemPage> {
    const { items } = this.store;
    const execution = await this.find(executionId);
    if (!items) throw new LedgerFeatureError('items', 'give the items of a node');
    const steps = (await items.counts(executionId)).filter((counts) => counts.node === node).map(({ step }) => step);
    if (steps.length === 0) this.requireNode(execution, node);
    const step = steps.some((name) => name !== '') ? await this.stepOf(executionId, node) : '';
    return items.page(executionId, { ...filter, node, step });
  }

  /** Ends an execution; nodes at work are aborted. Cancelling a cancelled one changes nothing. @throws ExecutionStateError when it had ended otherwise */
  async cancel(executionId: string): Promise<ExecutionRecord> {
    const before = await this.find(executionId);
    if (!(await this.engine.executor.cancel(before)) && before.status !== 'cancelled')
      throw new ExecutionStateError(executionId, (await this.find(executionId)).status, 'cancelled');
    return this.find(executionId);
  }

  /**
   * Lets a failed or cancelled execution go on at its first unfinished node. Resolves once that is durable.
   * @throws ExecutionNotFoundError, ExecutionStateError for any other, WorkflowStoppingError
   */
  resume(executionId: string): Promise<ExecutionRecord> {
    return this.engine.executor.resume(executionId);
  }

  /**
   * Runs a node of an ended execution again, and every node that waited for it; all others keep their results. Resolves once that is
   * durable. Steps get the same idempotency keys as before.
   * @throws ExecutionNotFoundError, ExecutionStateError while it runs, NodeNotFoundError, WorkflowStoppingError, LedgerFeatureError
   */
  retryFrom(executionId: string, node: string): Promise<ExecutionRecord> {
    return this.engine.executor.retryFrom(executionId, node);
  }

  /** Calls back for every checkpoint and end of an execution that runs in this process. Returns what takes the listener away. */
  onChange(executionId: string, listener: () => void): () => void {
    return this.engine.executor.changes.add(executionId, listener);
  }

  /** Nodes of an execution that are being run. Of those in another process only the ones whose items end are known. */
  async atWork({ id, nodes }: ExecutionLedger): Promise<readonly NodeAtWork[]> {
    const here = this.engine.executor.atWork.of(id);
    if (here.length > 0 || !this.store.items) return here;
    const ended = new Set(nodes.filter(isFinal).map(({ node }) => node));
    const counts = await this.store.items.counts(id);
    return counts
      .filter(({ node, step }) => step === '' && !ended.has(node))
      .map(({ node, succeeded, failed }) => ({ node, attempts: [], items: { succeeded, failed } }));
  }

  /** Counted per execution. @throws WorkflowNotFoundError */
  async metrics(workflow: string): Promise<WorkflowReport> {
    const definition = this.engine.registry.get(workflow);
    const sums = await this.store.sums(definition.name);
    return { ...toMetrics(definition.name, sums), circuits: circuitStates(definition, this.resilience.circuits()) };
  }

  /**
   * Reads the workflow files again. Executions that have not ended stay on the version they were submitted for; the next ones run on
   * the new one. All or nothing: with a problem in any file, every workflow stays as it was.
   * @throws WorkflowDefinitionError with every problem
   */
  reload(): Promise<ReloadReport> {
    return this.engine.reload();
  }

  /** @throws WorkflowNotFoundError */
  definition(workflow: string): WorkflowDefinition {
    return this.engine.registry.get(workflow);
  }

  definitions(): WorkflowDefinition[] {
    return this.engine.registry.names.map((name) => this.engine.registry.get(name));
  }

  /** Executions of this process now. */
  get load(): { running: number; queued: number } {
    return this.engine.executor.dispatcher.load;
  }

  /** A key that is known already leads to its execution, however the application is. */
  private async requireHealth(workflow: string, idempotencyKey: string | undefined): Promise<void> {
    const { name, requireHealth } = this.engine.registry.get(workflow);
    const reasons = healthReasons(requireHealth, this.health());
    if (reasons.length === 0) return;
    if (!(await this.engine.executor.findByKey(name, idempotencyKey)))
      throw new WorkflowUnhealthyError(name, reasons, HEALTH_RETRY_AFTER_MS);
  }

  private health() {
    try {
      return this.moduleRef.get<HealthSource>(RESILIENCE_HEALTH, { strict: false }).summary().checks;
    } catch {
      return undefined;
    }
  }

  /** Of a node that nothing was kept of. */
  private requireNode({ workflow, version }: ExecutionRecord, node: string): void {
    const { registry } = this.engine;
    const definition = registry.at(workflow, version) ?? registry.find(workflow);
    if (definition && !definition.nodes.has(node)) throw new NodeNotFoundError(workflow, node, definition.order);
  }

  private async stepOf(executionId: string, node: string): Promise<string> {
    const { nodes } = await this.get(executionId);
    return nodes.find((record) => record.node === node)?.items?.step ?? '';
  }

  private async find(executionId: string): Promise<ExecutionRecord> {
    const execution = await this.store.find(executionId);
    if (!execution) throw new ExecutionNotFoundError(executionId);
    return execution;
  }
}
