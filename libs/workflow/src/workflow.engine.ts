import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService, HttpAdapterHost, MetadataScanner, ModuleRef } from '@nestjs/core';
import {
  DeadLetterService,
  type EventSink,
  redactedStack,
  ResilienceOptionsError,
  RESILIENCE_EVENTS,
  ResilienceService,
  StoreFaults,
} from '@nest-resilience/core';
import { FigureTable } from '@nest-resilience/core/kit';
import { afterListening } from './after-listening.js';
import { showInHealth } from './executions.health.js';
import { WORKFLOW_CLUSTER, type WorkflowCluster } from './cluster/seams.js';
import { Executor } from './executor/executor.js';
import { methodEvents } from './executor/method-events.js';
import { EXECUTION_STORE, type ExecutionStore } from './ledger/execution-store.js';
import { LedgerOpening } from './ledger/ledger-opening.js';
import { Retention } from './ledger/retention.js';
import { WORKFLOW_LLM, type LlmPort } from './llm.port.js';
import { workflowFigures } from './metrics/workflow.figures.js';
import { redriveGate } from './redrive/redrive-gate.js';
import { WorkflowRuns } from './redrive/workflow-runs.js';
import { directoriesOf } from './registry/collect-workflows.js';
import type { DirectoryWatch } from './registry/directory-watch.js';
import { HandlerTable } from './registry/handlers.js';
import { discoverProviders } from './registry/providers.js';
import { watchWorkflows } from './registry/watch-workflows.js';
import { type ReloadReport, WorkflowLoader } from './registry/workflow-loader.js';
import { WorkflowRegistry } from './registry/workflow-registry.js';
import { RequestClient } from './request/request.client.js';
import { readRequestOptions } from './request/request.options.js';
import { sandbox } from './sandbox/sandbox.js';
import { LEDGER } from './ledger/watched-store.js';
import { readLimits, type WorkflowLimits } from './workflow.limits.js';
import { readTimes, WORKFLOW_OPTIONS, type WorkflowModuleOptions } from './workflow.options.js';

/** Puts the executor and what it stands on together, and takes it through the application's life. */
@Injectable()
export class WorkflowEngine
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly registry = new WorkflowRegistry();
  readonly limits: WorkflowLimits;
  private readonly logger = new Logger('Resilience:Workflows');
  private readonly requests: ReturnType<typeof readRequestOptions>;
  private readonly retention: Retention;
  private readonly storeTimeoutMs: number;
  private readonly opening: LedgerOpening;
  private parts: { readonly executor: Executor; readonly loader: WorkflowLoader } | undefined;
  private watch: DirectoryWatch | undefined;

  constructor(
    @Inject(WORKFLOW_OPTIONS) private readonly options: WorkflowModuleOptions,
    @Inject(EXECUTION_STORE) private readonly store: ExecutionStore,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Inject(RESILIENCE_EVENTS) private readonly events: EventSink & { add?(sink: EventSink): void },
    @Inject(WorkflowRuns) private readonly runs: WorkflowRuns,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(DeadLetterService) private readonly deadLetters: DeadLetterService,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(StoreFaults) private readonly faults: StoreFaults,
    @Inject(FigureTable) private readonly figures: FigureTable,
    @Optional() @Inject(WORKFLOW_CLUSTER) private readonly cluster: WorkflowCluster | undefined,
  ) {
    this.limits = readLimits(options.limits);
    this.requests = readRequestOptions(options.requests);
    const { retention, storeTimeout } = readTimes(options);
    this.storeTimeoutMs = storeTimeout;
    this.opening = new LedgerOpening(
      resilience.clock,
      () => this.openLedger(),
      (message, error) => this.logger.error(message, redactedStack(error)),
    );
    const asked = options.retention !== undefined;
    this.retention = new Retention(store, resilience.clock, retention, asked);
  }

  get executor(): Executor {
    return this.ready.executor;
  }

  /** @throws WorkflowDefinitionError */
  async reload(): Promise<ReloadReport> {
    const { executor, loader } = this.ready;
    const report = await loader.load();
    executor.retain(this.registry.known());
    await executor.introduce().catch((error: unknown) => this.logger.error('The ledger fails', redactedStack(error)));
    return report;
  }

  async onModuleInit(): Promise<void> {
    this.events.add?.(methodEvents);
    if (this.cluster && !this.store.shared?.networked) throw notShared();
    if (!this.store.durable)
      this.logger.warn(
        'Executions are kept in memory: they do not outlive this process. Pass `store` to WorkflowModule.forRoot.',
      );
    const providers = discoverProviders(this.discovery, this.scanner);
    const handlers = new HandlerTable(this.options.handlers ?? {}, () => providers);
    const llm = this.findLlm();
    const loader = new WorkflowLoader(this.options, providers, this.registry, {
      handlerProblem: (target) => handlers.problem(target),
      hasLlm: llm !== undefined,
    });
    await loader.load();
    const executor = this.makeExecutor(handlers, llm);
    this.parts = { executor, loader };
    this.figures.add(
      ...workflowFigures({
        stats: executor.stats,
        definitions: () => this.registry.current(),
        loads: () => executor.dispatcher.loads,
      }),
    );
    this.runs.bind({
      drive: (id) => executor.drive(id),
      redriveNode: (id, node) => executor.redrives.node(id, node),
      redriveItem: (id, node, index) => executor.redrives.item(id, node, index),
    });
    this.deadLetters.addGate(redriveGate(() => executor.lease?.refusal));
    if (executor.lease) showInHealth(this.moduleRef, executor.lease);
    await this.opening.start();
  }

  async onApplicationBootstrap(): Promise<void> {
    // An execution that takes the process along must not do so before anybody can see, or cancel, what is there.
    const listening = afterListening(this.host.httpAdapter?.getHttpServer());
    if (listening || this.opening.failure !== undefined)
      void Promise.all([listening, this.opening.opened]).then(() => this.executor.recover());
    else await this.executor.recover();
    this.retention.start((error) => this.logger.error('Old executions could not be removed', redactedStack(error)));
    if (this.options.watch === true) {
      const { clock } = this.resilience;
      this.watch = watchWorkflows(directoriesOf(this.options), clock, () => this.reload(), this.logger);
    }
  }

  /** Nothing new starts; said before any policy is told to give up, so that its giving up is not taken for a failure. */
  onModuleDestroy(): void {
    this.watch?.close();
    this.opening.stop();
    this.retention.stop();
    const { dispatcher, lease } = this.parts?.executor ?? {};
    dispatcher?.stop();
    // From here on being killed is no execution's fault.
    lease?.note({ leaving: true }).catch((error: unknown) => this.logger.error('The ledger fails', error));
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.parts?.executor.shutdown();
  }

  async onApplicationShutdown(): Promise<void> {
    sandbox.rest();
    const closed = await this.resilience.closing.forLast(Promise.resolve(this.store.close?.()));
    if (!closed) this.logger.warn('The execution store did not close in time: left open');
  }

  private get ready() {
    if (!this.parts) throw new Error('WorkflowService is not ready: use it after onModuleInit of its module');
    return this.parts;
  }

  private async openLedger(): Promise<void> {
    await this.store.init?.();
    await this.executor.lease?.open();
    await this.executor.introduce();
  }

  private makeExecutor(handlers: HandlerTable, llm: LlmPort | undefined): Executor {
    return new Executor({
      store: this.store,
      registry: this.registry,
      handlers,
      llm,
      clock: this.resilience.clock,
      closing: this.resilience.closing,
      limits: this.limits,
      requests: new RequestClient(this.requests, this.resilience.clock),
      createPolicy: (definition, node) =>
        this.resilience.policy({
          ...(node ?? definition).policies.options,
          name: node ? `${definition.name}.${node.name}` : `workflow:${definition.name}`,
        }),
      driveWithDeadLetter: (workflow, id) => this.runs.run(workflow, id),
      keepNode: (workflow, id, node, error) => this.runs.keepNode(workflow, id, node, error),
      keepItem: (workflow, id, node, index, error) => this.runs.keepItem(workflow, id, node, index, error),
      ...(this.options.resume !== undefined && { resume: this.options.resume }),
      cluster: this.cluster,
      storeTimeoutMs: this.storeTimeoutMs,
      notOpen: () => this.opening.failure,
      unanswered: (error) => this.faults.note(LEDGER, 'create', error),
      log: (message) => this.logger.log(message),
      report: (message, error) => this.logger.error(message, redactedStack(error)),
    });
  }

  private findLlm(): LlmPort | undefined {
    if (this.options.llm) return this.options.llm;
    try {
      return this.moduleRef.get<LlmPort>(WORKFLOW_LLM, { strict: false });
    } catch {
      return undefined;
    }
  }
}

function notShared(): ResilienceOptionsError {
  const allowed =
    'postgresExecutionStore or mysqlExecutionStore: several replicas need a ledger on a server; or leave ClusterModule out';
  return new ResilienceOptionsError([{ path: 'WorkflowModule > store', value: 'a ledger of one process', allowed }]);
}
