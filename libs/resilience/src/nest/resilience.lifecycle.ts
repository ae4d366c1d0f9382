import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';

import { DeadLetterService } from '../dead-letter/dead-letter.service.js';
import type { DeadLetterStore as Store } from '../dead-letter/store/dead-letter.store.js';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import { DeadLetterWriter } from '../dead-letter/dead-letter.writer.js';
import type { EventSink } from '../engine/events.js';
import type { EventHub } from './event-hub.js';
import type { ResolvedModuleOptions } from './resilience.options.js';
import { ResilienceRuntime } from './resilience.runtime.js';
import { ResilienceService } from './resilience.service.js';
import { RESILIENCE_EVENTS, RESILIENCE_MODULE_OPTIONS, RESILIENCE_RUNTIME } from './tokens.js';

/** Starts what runs beside the calls, and ends it without losing any. */
@Injectable()
export class ResilienceLifecycle
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly logger = new Logger('Resilience:Shutdown');

  constructor(
    @Inject(RESILIENCE_RUNTIME) private readonly runtime: ResilienceRuntime,
    @Inject(RESILIENCE_MODULE_OPTIONS) private readonly options: ResolvedModuleOptions,
    @Inject(RESILIENCE_EVENTS) private readonly events: EventHub,
    @Inject(DeadLetterService) private readonly deadLetters: DeadLetterService,
    @Inject(DeadLetterWriter) private readonly writer: DeadLetterWriter,
    @Inject(DeadLetterStore) private readonly store: Store,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const sink = await this.eventEmitterSink();
    if (sink !== undefined) this.events.add(sink);
    await this.writer.start();
    this.deadLetters.start();
  }

  /** No new retries from here on, and waits end at once: their calls go to fallback and dead letter. */
  onModuleDestroy(): void {
    this.runtime.registry.context.shutdown.begin();
    this.deadLetters.stop();
  }

  /** Calls in flight get the shutdown timeout; what is left then is ended, dead-lettered where it may be, and written. */
  async beforeApplicationShutdown(): Promise<void> {
    const { shutdown, deadlines } = this.runtime.registry.context;
    const { shutdownTimeoutMs } = this.options;
    const { closing } = this.resilience;
    if (await closing.forWork(shutdown.whenIdle(), shutdownTimeoutMs)) return;
    const { running } = shutdown;
    shutdown.expire();
    deadlines.giveUp();
    this.logger.warn(`${running} calls had not ended ${shutdownTimeoutMs} ms after the shutdown began: given up`);
    // A store that hangs gets no more of their dead letters.
    await closing.forLast(shutdown.whenIdle());
  }

  async onApplicationShutdown(): Promise<void> {
    this.runtime.registry.context.deadlines.dispose();
    await this.writer.close();
    const closed = this.resilience.closing.forLast(Promise.resolve(this.store.close?.()));
    if (!(await closed)) this.logger.warn(`The dead-letter store ${this.store.name} did not close in time: left open`);
  }

  /** The bridge to `@nestjs/event-emitter`, when the application imports that module. */
  private async eventEmitterSink(): Promise<EventSink | undefined> {
    try {
      const [{ EventEmitter2 }, { EventEmitterSink }] = await Promise.all([
        import('@nestjs/event-emitter'),
        import('../events/event-emitter.sink.js'),
      ]);
      const emitter = this.moduleRef.get(EventEmitter2, { strict: false });
      return new EventEmitterSink(emitter);
    } catch (error) {
      this.logger.debug(`Events stay inside: @nestjs/event-emitter is not imported (${String(error).split('\n')[0]})`);
      return undefined;
    }
  }
}
