import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy, Optional } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { type Random, RESILIENCE_RANDOM, ResilienceService, type TimerHandle } from '@nest-resilience/core';
import type { LlmHealthChangedEvent } from '../llm.events.js';
import { LlmService } from '../llm.service.js';
import type { LlmProvider } from '../providers/provider.js';
import { checkProvider } from './check-provider.js';
import type { LlmProviderHealth } from './health-record.js';

/** Its name in the SchedulerRegistry; deleting it there ends the checks. */
export const LLM_CONNECTIVITY_JOB = 'resilience.llm.connectivity';

const HEALTH_CHANGED = 'resilience.llm.health-changed';

/**
 * Asks every provider now and then whether it is reachable, with the cheapest call it has, and leaves out those that real
 * traffic has just proven. Results are kept in memory: reading them costs nothing.
 */
@Injectable()
export class LlmConnectivityChecker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly scheduler: SchedulerRegistry;
  private timer: TimerHandle | undefined;
  private flight: Promise<readonly LlmProviderHealth[]> | undefined;
  private stopped = new AbortController();

  constructor(
    @Inject(LlmService) private readonly llm: LlmService,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Inject(RESILIENCE_RANDOM) private readonly random: Random,
    @Optional() @Inject(SchedulerRegistry) scheduler?: SchedulerRegistry,
  ) {
    // Without a ScheduleModule in the application the checks run all the same, they are only not listed.
    this.scheduler = scheduler ?? new SchedulerRegistry();
  }

  onApplicationBootstrap(): void {
    if (!this.llm.options.health.enabled) return;
    this.scheduler.addTimeout(LLM_CONNECTIVITY_JOB, this);
    void this.runAndScheduleNext();
  }

  onModuleDestroy(): void {
    this.timer?.cancel();
    this.stopped.abort(new Error('the application shuts down'));
    if (this.isScheduled()) this.scheduler.deleteTimeout(LLM_CONNECTIVITY_JOB);
  }

  /** The last results; asks nobody. */
  last(): readonly LlmProviderHealth[] {
    return this.llm.connectivity.all();
  }

  /**
   * Checks now, or joins the check that is running. Never rejects.
   * @param force also those that real traffic has proven
   */
  run({ force = false }: { readonly force?: boolean } = {}): Promise<readonly LlmProviderHealth[]> {
    this.flight ??= this.checkAll(force).finally(() => (this.flight = undefined));
    return this.flight;
  }

  private async checkAll(force: boolean): Promise<readonly LlmProviderHealth[]> {
    const { connectivity, options } = this.llm;
    const due = this.llm.providers.filter(
      ({ name }) => force || !connectivity.provenByTraffic(name, options.health.intervalMs),
    );
    await Promise.all(due.map((provider) => this.check(provider)));
    return this.last();
  }

  private async check(provider: LlmProvider): Promise<void> {
    const { connectivity, options } = this.llm;
    const before = connectivity.of(provider.name);
    const evidence = await checkProvider(provider, {
      clock: this.resilience.clock,
      timeoutMs: options.health.timeoutMs,
      stop: this.stopped.signal,
      // A list of models is free, so it does not notice that the money is gone.
      billed: before.reason === 'quota',
    });
    if (this.stopped.signal.aborted) return;
    connectivity.note(provider.name, evidence);
    const after = connectivity.of(provider.name);
    const { events } = this.resilience;
    if (after.status === before.status || !events.listens(HEALTH_CHANGED)) return;
    const event: LlmHealthChangedEvent = {
      provider: provider.name,
      status: after.status,
      previous: before.status,
      ...(after.reason && { reason: after.reason }),
    };
    events.emit(HEALTH_CHANGED, event);
  }

  private async runAndScheduleNext(): Promise<void> {
    await this.run();
    if (!this.isScheduled()) return;
    const { intervalMs, jitter } = this.llm.options.health;
    const delayMs = intervalMs * (1 + jitter * (2 * this.random() - 1));
    this.timer = this.resilience.clock.setTimer(() => {
      if (this.isScheduled()) void this.runAndScheduleNext();
    }, delayMs);
    this.timer.unref();
  }

  private isScheduled(): boolean {
    return this.scheduler.doesExist('timeout', LLM_CONNECTIVITY_JOB);
  }
}
