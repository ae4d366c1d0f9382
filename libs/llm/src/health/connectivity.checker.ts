import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy, Optional } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { type Random, RESILIENCE_RANDOM, ResilienceService, type TimerHandle } from '@nest-resilience/core';
import { type ClusterLease, LLM_CLUSTER_LEASE } from '../chain/shared-limits.js';
import type { LlmHealthChangedEvent } from '../llm.events.js';
import { LlmService } from '../llm.service.js';
import type { LlmProvider } from '../providers/provider.js';
import { checkProvider } from './check-provider.js';
import type { LlmProviderHealth, LlmProviderStatus } from './health-record.js';

/** Its name in the SchedulerRegistry; deleting it there ends the checks. */
export const LLM_CONNECTIVITY_JOB = 'resilience.llm.connectivity';

/** Whoever does not come back for so long is taken for gone. */
const LEASE_INTERVALS = 3;

const HEALTH_CHANGED = 'resilience.llm.health-changed';

interface Flight {
  readonly force: boolean;
  readonly results: Promise<readonly LlmProviderHealth[]>;
}

/**
 * Asks every provider now and then whether it is reachable, with the cheapest call it has, and leaves out those that real
 * traffic has just proven. Results are kept in memory: reading them costs nothing.
 */
@Injectable()
export class LlmConnectivityChecker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly scheduler: SchedulerRegistry;
  private timer: TimerHandle | undefined;
  private flight: Flight | undefined;
  private readonly stopped = new AbortController();
  private readonly told = new Map<string, LlmProviderStatus>();

  constructor(
    @Inject(LlmService) private readonly llm: LlmService,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Inject(RESILIENCE_RANDOM) private readonly random: Random,
    @Optional() @Inject(SchedulerRegistry) scheduler?: SchedulerRegistry,
    @Optional() @Inject(LLM_CLUSTER_LEASE) private readonly lease?: ClusterLease,
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
   * Checks now, or joins a check that is running and asks as many. Never rejects. A check that would cost more than `health.maxCostPerDay`
   * still allows is left out, also a forced one.
   * @param force also those that real traffic has proven
   */
  run({ force = false }: { readonly force?: boolean } = {}): Promise<readonly LlmProviderHealth[]> {
    const running = this.flight;
    if (running !== undefined && (running.force || !force)) return running.results;
    // A check that leaves some out is no answer to one that was to leave out nobody: that one comes after it.
    const checked = running === undefined ? this.checkAll(force) : running.results.then(() => this.checkAll(force));
    const flight: Flight = {
      force,
      results: checked.finally(() => {
        if (this.flight === flight) this.flight = undefined;
      }),
    };
    this.flight = flight;
    return flight.results;
  }

  private async checkAll(force: boolean): Promise<readonly LlmProviderHealth[]> {
    if (this.stopped.signal.aborted) return this.last();
    const { connectivity, options } = this.llm;
    const due = this.llm.providers.filter(
      ({ name }) =>
        force || !(connectivity.provenByTraffic(name, options.health.interval) || connectivity.isCooling(name)),
    );
    await Promise.all(due.map((provider) => this.check(provider)));
    const results = this.last();
    for (const health of results) this.tell(health);
    return results;
  }

  private async check(provider: LlmProvider): Promise<void> {
    const { checkBudget, connectivity, options } = this.llm;
    const evidence = await checkProvider(provider, {
      clock: this.resilience.clock,
      timeoutMs: options.health.timeout,
      stop: this.stopped.signal,
      billed: connectivity.isOutOfMoney(provider.name),
      book: () => checkBudget.book(provider.name),
      limited: (error) => this.llm.cooled(provider.name, error),
    });
    if (this.stopped.signal.aborted) return;
    if (evidence === 'withheld') connectivity.withhold(provider.name);
    else {
      connectivity.note(provider.name, evidence);
      if (evidence.ok) this.llm.proven(provider.name, evidence.asked === true);
    }
    // Not together with the others: the slowest check may take long.
    this.tell(connectivity.of(provider.name));
  }

  /** What was told last is what counts: traffic may have found the change before the check did. */
  private tell({ provider, status, reason }: LlmProviderHealth): void {
    const previous = this.told.get(provider) ?? 'unknown';
    if (status === previous || this.stopped.signal.aborted) return;
    this.told.set(provider, status);
    const { events } = this.resilience;
    if (!events.listens(HEALTH_CHANGED)) return;
    const event: LlmHealthChangedEvent = { provider, status, previous, ...(reason && { reason }) };
    events.emit(HEALTH_CHANGED, event);
  }

  private async runAndScheduleNext(): Promise<void> {
    const { enabled, interval, jitter } = this.llm.options.health;
    if (enabled) {
      const leads = await this.leads(LEASE_INTERVALS * interval);
      if (leads || this.last().some(({ ageMs = Infinity }) => ageMs > LEASE_INTERVALS * interval)) await this.run();
    }
    if (!this.isScheduled()) return;
    const delayMs = interval * (1 + jitter * (2 * this.random() - 1));
    this.timer = this.resilience.clock.setTimer(() => {
      if (this.isScheduled()) void this.runAndScheduleNext();
    }, delayMs);
    this.timer.unref();
  }

  /** Of several replicas one checks; where nobody knows which, each for itself, and so whoever has not heard of a provider for long. */
  private async leads(ttlMs: number): Promise<boolean> {
    try {
      return (await this.lease?.lead('checks', ttlMs)) ?? true;
    } catch {
      return true;
    }
  }

  private isScheduled(): boolean {
    return this.scheduler.doesExist('timeout', LLM_CONNECTIVITY_JOB);
  }
}
