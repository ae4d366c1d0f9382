import { type BeforeApplicationShutdown, Injectable, type OnModuleDestroy } from '@nestjs/common';

/** Whether the process is going: from then on readiness fails, so that no new work is sent here while the rest is finished. */
@Injectable()
export class ShutdownState implements OnModuleDestroy, BeforeApplicationShutdown {
  private going = false;

  get shuttingDown(): boolean {
    return this.going;
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
