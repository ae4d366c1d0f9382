import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModuleRef } from '@nestjs/core';
import {
  type Duration,
  type EventSink,
  parseDuration,
  RESILIENCE_EVENTS,
  ResilienceService,
} from '@nest-resilience/core';
import { Executor, type StartOptions } from './executor/executor.js';
import { methodEvents } from './executor/method-events.js';
import type { WorkflowDefinition } from './graph/definition.js';
import type { ExecutionLedger, ExecutionRecord } from './ledger/execution.js';
import {
  EXECUTION_STORE,
  type ExecutionFilter,
  type ExecutionPage,
  type ExecutionStore,
} from './ledger/execution-store.js';
import { toMetrics, type WorkflowMetrics } from './ledger/metrics.js';
import { WORKFLOW_LLM, type LlmPort } from './llm.port.js';
import { WorkflowRuns } from './redrive/workflow-runs.js';
import { collectWorkflows } from './registry/collect-workflows.js';
import { HandlerTable } from './registry/handlers.js';
import { discoverProviders } from './registry/providers.js';
import { WorkflowRegistry } from './registry/workflow-registry.js';
import { ExecutionNotFoundError, ExecutionStateError } from './workflow.errors.js';
import { readLimits, WORKFLOW_OPTIONS, type WorkflowModuleOptions } from './workflow.options.js';

/** Starts, watches and steers executions. Workflows are known once the module is initialised. */
@Injectable()
export class WorkflowService
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly logger = new Logger('Workflows');
  private readonly registry = new WorkflowRegistry();
  private readonly limits: ReturnType<typeof readLimits>;
  private running: Executor | undefined;

  constructor(
    @Inject(WORKFLOW_OPTIONS) private readonly options: WorkflowModuleOptions,
    @Inject(EXECUTION_STORE) private readonly store: ExecutionStore,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Inject(RESILIENCE_EVENTS) private readonly events: EventSink & { add?(sink: EventSink): void },
    @Inject(WorkflowRuns) private readonly runs: WorkflowRuns,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
  ) {
    this.limits = readLimits(options.limits);
  }

  /**
   * Submits an execution. Resolves once it is durable: from then on it ends, whatever happens to this process.
   * @throws WorkflowNotFoundError, WorkflowInputError, WorkflowBusyError, IdempotencyConflictError, WorkflowStoppingError
   */
  async start(workflow: string, input: unknown, options?: StartOptions): Promise<ExecutionRecord> {
    return (await this.executor.start(workflow, input, options)).execution;
  }

  /**
   * The execution once it ended, or as it stands when the time is over or the signal aborted; neither stops the execution.
   * @param timeout at most the `wait` limit, which is the default
   */
  async wait(
    executionId: string,
    { timeout, signal }: { readonly timeout?: Duration; readonly signal?: AbortSignal } = {},
  ): Promise<ExecutionLedger> {
    const asked = timeout === undefined ? this.limits.waitMs : (parseDuration(timeout) ?? 0);
    const execution = await this.find(executionId);
    if (execution.status === 'running' || execution.status === 'queued') {
      await this.untilEnd(executionId, Math.min(asked, this.limits.waitMs), signal);
    }
    return this.get(executionId);
  }

  /** The whole ledger of an execution. @throws ExecutionNotFoundError */
  async get(executionId: string): Promise<ExecutionLedger> {
    const ledger = await this.store.get(executionId);
    if (!ledger) throw new ExecutionNotFoundError(executionId);
    return ledger;
  }

  /** Newest first. */
  list(filter: ExecutionFilter = {}): Promise<ExecutionPage> {
    return this.store.list(filter);
  }

  /** Ends an execution; nodes at work are aborted. Cancelling a cancelled one changes nothing. @throws ExecutionStateError when it had ended otherwise */
  async cancel(executionId: string): Promise<ExecutionRecord> {
    const before = await this.find(executionId);
    if (await this.store.cancel(executionId, { finishedAt: this.resilience.clock.epochNow() }))
      this.executor.dispatcher.cancelled(executionId);
    else if (before.status !== 'cancelled')
      throw new ExecutionStateError(executionId, (await this.find(executionId)).status, 'cancelled');
    return this.find(executionId);
  }

  /** Lets a failed or cancelled execution go on at its first unfinished node. @throws ExecutionStateError for any other */
  async resume(executionId: string): Promise<ExecutionRecord> {
    const execution = await this.find(executionId);
    if (execution.status !== 'failed' && execution.status !== 'cancelled')
      throw new ExecutionStateError(executionId, execution.status, 'resumed');
    this.executor.dispatcher.resume(execution);
    return execution;
  }

  /** Counted per execution. @throws WorkflowNotFoundError */
  async metrics(workflow: string): Promise<WorkflowMetrics> {
    const { name } = this.registry.get(workflow);
    return toMetrics(name, await this.store.sums(name));
  }

  /** @throws WorkflowNotFoundError */
  definition(workflow: string): WorkflowDefinition {
    return this.registry.get(workflow);
  }

  definitions(): WorkflowDefinition[] {
    return this.registry.names.map((name) => this.registry.get(name));
  }

  /** Executions of this process now. */
  get load(): { running: number; queued: number } {
    return this.executor.dispatcher.load;
  }

  async onModuleInit(): Promise<void> {
    await this.store.init?.();
    this.events.add?.(methodEvents);
    if (!this.store.durable)
      this.logger.warn(
        'Executions are kept in memory: they do not outlive this process. Pass `store` to WorkflowModule.forRoot.',
      );
    const providers = discoverProviders(this.discovery, this.scanner);
    const handlers = new HandlerTable(this.options.handlers ?? {}, () => providers);
    const llm = this.findLlm();
    const { definitions, problems } = await collectWorkflows(this.options, providers);
    const handlerProblem = (target: string): string | undefined => handlers.problem(target);
    this.registry.load(definitions, problems, { handlerProblem, hasLlm: llm !== undefined });
    this.running = new Executor({
      store: this.store,
      registry: this.registry,
      handlers,
      llm,
      clock: this.resilience.clock,
      limits: this.limits,
      createPolicy: (definition, node) =>
        this.resilience.policy({ name: `${definition.name}.${node.name}`, ...node.policies }),
      driveWithDeadLetter: (workflow, id) => this.runs.run(workflow, id),
      keepNode: (workflow, id, node, error) => this.runs.keepNode(workflow, id, node, error),
      report: (message, error) => this.logger.error(message, error),
    });
    const { running } = this;
    this.runs.bind({
      drive: (id) => running.dispatcher.drive(id),
      redriveNode: (id, node) => running.redriveNode(id, node),
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    const count = await this.executor.dispatcher.recover();
    if (count > 0) this.logger.log(`${count} unfinished executions go on`);
  }

  /** Nothing new starts; said before any policy is told to give up, so that its giving up is not taken for a failure. */
  onModuleDestroy(): void {
    this.running?.dispatcher.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.running?.dispatcher.shutdown();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.store.close?.();
  }

  private get executor(): Executor {
    if (!this.running) throw new Error('WorkflowService is not ready: use it after onModuleInit of its module');
    return this.running;
  }

  private async find(executionId: string): Promise<ExecutionRecord> {
    const execution = await this.store.find(executionId);
    if (!execution) throw new ExecutionNotFoundError(executionId);
    return execution;
  }

  private findLlm(): LlmPort | undefined {
    if (this.options.llm) return this.options.llm;
    try {
      return this.moduleRef.get<LlmPort>(WORKFLOW_LLM, { strict: false });
    } catch {
      return undefined;
    }
  }

  private untilEnd(executionId: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        stopListening();
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const stopListening = this.executor.dispatcher.onEnd(executionId, done);
      const timer = this.resilience.clock.setTimer(done, timeoutMs);
      signal?.addEventListener('abort', done, { once: true });
      // It may have ended between the caller's look and ours.
      void this.store.find(executionId).then((execution) => {
        if (signal?.aborted || (execution?.status !== 'running' && execution?.status !== 'queued')) done();
      }, done);
    });
  }
}
