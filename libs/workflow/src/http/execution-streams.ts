import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { ResilienceService } from '@nest-resilience/core';
import { ProblemException } from '@nest-resilience/core/admin';
import { EXECUTION_STORE, type ExecutionStore } from '../ledger/execution-store.js';
import { readLimits } from '../workflow.limits.js';
import { WORKFLOW_OPTIONS, type WorkflowModuleOptions } from '../workflow.options.js';
import { WorkflowService } from '../workflow.service.js';
import { eventsOf } from './execution-events.js';
import { ExecutionStream } from './execution-stream.js';
import { FollowedExecution } from './followed-execution.js';

const RETRY_AFTER_SECONDS = 10;

/** The event streams that are open. */
@Injectable()
export class ExecutionStreams implements OnModuleDestroy {
  private readonly streams = new Set<ExecutionStream>();
  private readonly followed = new Map<string, FollowedExecution>();
  private readonly limit: number;
  private opening = 0;

  constructor(
    @Inject(WorkflowService) private readonly workflows: WorkflowService,
    @Inject(EXECUTION_STORE) private readonly store: ExecutionStore,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Inject(WORKFLOW_OPTIONS) options: WorkflowModuleOptions,
  ) {
    this.limit = readLimits(options.limits).followers;
  }

  /**
   * `undefined` when the execution has ended and nothing happened after that event.
   * @throws ExecutionNotFoundError, ProblemException 503 while too many follow
   */
  async open(id: string, afterId: number): Promise<ExecutionStream | undefined> {
    if (this.streams.size + this.opening >= this.limit) throw tooMany(this.limit);
    this.opening++;
    try {
      const ledger = await this.workflows.get(id);
      const ended = ledger.status !== 'running' && ledger.status !== 'queued';
      if (ended && eventsOf(ledger).every((event) => event.id <= afterId)) return undefined;
    } finally {
      this.opening--;
    }
    const stream = new ExecutionStream(this.follow(id), afterId);
    this.streams.add(stream);
    return stream.once('close', () => this.streams.delete(stream));
  }

  get size(): number {
    return this.streams.size;
  }

  /** Open streams would keep the HTTP server from closing. */
  onModuleDestroy(): void {
    for (const stream of this.streams) stream.finish();
  }

  private follow(id: string): FollowedExecution {
    const known = this.followed.get(id);
    if (known) return known;
    const followed = new FollowedExecution({
      clock: this.resilience.clock,
      read: () => this.store.get(id),
      atWork: (ledger) => this.workflows.atWork(ledger),
      onChange: (listener) => this.workflows.onChange(id, listener),
      onLeft: () => this.followed.delete(id),
    });
    this.followed.set(id, followed);
    return followed;
  }
}

function tooMany(limit: number): ProblemException {
  return new ProblemException(
    503,
    'RESILIENCE_TOO_MANY_FOLLOWERS',
    `${limit} clients follow executions already. Ask GET /executions/:id now and then, or submit with ?wait=60s; ` +
      "WorkflowModule's limits: { followers } lets more in.",
    { 'Retry-After': String(RETRY_AFTER_SECONDS) },
  );
}
