import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { ResilienceService } from '@nest-resilience/core';
import { EXECUTION_STORE, type ExecutionStore } from '../ledger/execution-store.js';
import { WorkflowService } from '../workflow.service.js';
import { eventsOf } from './execution-events.js';
import { ExecutionStream } from './execution-stream.js';

/** The event streams that are open. */
@Injectable()
export class ExecutionStreams implements OnModuleDestroy {
  private readonly streams = new Set<ExecutionStream>();

  constructor(
    @Inject(WorkflowService) private readonly workflows: WorkflowService,
    @Inject(EXECUTION_STORE) private readonly store: ExecutionStore,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
  ) {}

  /** `undefined` when the execution has ended and nothing happened after that event. @throws ExecutionNotFoundError */
  async open(id: string, afterId: number): Promise<ExecutionStream | undefined> {
    const ledger = await this.workflows.get(id);
    const ended = ledger.status !== 'running' && ledger.status !== 'queued';
    if (ended && eventsOf(ledger).every((event) => event.id <= afterId)) return undefined;
    const stream = new ExecutionStream({
      clock: this.resilience.clock,
      afterId,
      read: () => this.store.get(id),
      onChange: (listener) => this.workflows.onChange(id, listener),
    });
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
}
