import { type BeforeApplicationShutdown, Inject, Injectable, type OnModuleDestroy, Optional } from '@nestjs/common';
import type { ResilienceRuntime } from '../nest/resilience.runtime.js';
import { RESILIENCE_RUNTIME } from '../nest/tokens.js';

/** Whether the process is going: from then on readiness fails, so that no new work is sent here while the rest is finished. */
@Injectable()
export class ShutdownState implements OnModuleDestroy, BeforeApplicationShutdown {
  private going = false;

  constructor(@Optional() @Inject(RESILIENCE_RUNTIME) private readonly runtime?: Pick<ResilienceRuntime, 'registry'>) {}

  /** Also when retries have ended already: whichever of the two Nest tells first, nobody is sent here any more. */
  get shuttingDown(): boolean {
    return this.going || this.runtime?.registry.context.shutdown.stopping === true;
  }

  /** For applications that know earlier than Nest, e.g. from a preStop hook. */
  begin(): void {
    this.going = true;
  }

  onModuleDestroy(): void {
    this.begin();
  }

  beforeApplicationShutdown(): void {
    this.begin();
  }
}
