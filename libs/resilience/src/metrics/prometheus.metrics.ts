import { Inject, Injectable, type OnModuleInit, Optional } from '@nestjs/common';
import { collectDefaultMetrics, type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client';
import type { ChaosCounts } from '../chaos/chaos-record.js';
import { DeadLetterStore } from '../dead-letter/dead-letter.store.js';
import type { Clock } from '../engine/clock.js';
import type { HedgeCounts } from '../hedge/hedge-record.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { RESILIENCE_CLOCK } from '../nest/tokens.js';
import { type CacheStats, cacheSamples, type CoalesceStats, coalescedSamples } from './cache.samples.js';
import { chaosSamples } from './chaos.samples.js';
import { circuitRejectedSamples, type CircuitStats, circuitStateSamples } from './circuit.samples.js';
import { DeadLetterSamples } from './dead-letter.samples.js';
import { callSamples, counterSamples, durationSamples, fallbackSamples, type MethodStats } from './engine.samples.js';
import { type HealthReading, healthSamples, RESILIENCE_HEALTH } from './health.samples.js';
import { hedgeSamples } from './hedge.samples.js';
import { METRICS_SETTINGS, type MetricsModuleSettings } from './metrics.options.js';
import {
  availableTokenSamples,
  bulkheadRejectedSamples,
  bulkheadSamples,
  type BulkheadStats,
  rateLimitRejectedSamples,
  type RateLimitStats,
} from './permit.samples.js';
import { retryBudgetSamples, type RetryBudgetStats } from './retry-budget.samples.js';
import { type Sample, ScrapedMetric } from './scraped-metric.js';

/** What is read of the ResilienceService. */
export interface MetricsSource {
  methodStats(): Iterable<MethodStats>;
  circuits(): Iterable<CircuitStats>;
  retryBudgets(): Iterable<RetryBudgetStats>;
  bulkheads(): Iterable<BulkheadStats>;
  rateLimits(): Iterable<RateLimitStats>;
  caches(): Iterable<CacheStats>;
  coalesced(): Iterable<CoalesceStats>;
  hedges(): Iterable<HedgeCounts>;
  chaos(): Iterable<ChaosCounts>;
}

/** The token under which `AdminModule` offers its count; named here, so that metrics do without that folder. */
const RESILIENCE_REFUSALS = Symbol.for('nest-resilience:admin-refusals');

type Read = () => Iterable<Sample> | Promise<Iterable<Sample>>;

/**
 * This library's metrics in a prom-client registry. Nothing is counted here: a scrape reads what the engine counted.
 * Labels are names of methods, circuits, queues and checks, never anything a caller can choose.
 */
@Injectable()
export class PrometheusMetrics implements OnModuleInit {
  readonly registry: Registry;

  constructor(
    @Inject(METRICS_SETTINGS) private readonly settings: MetricsModuleSettings,
    @Inject(ResilienceService) private readonly source: MetricsSource,
    @Inject(RESILIENCE_CLOCK) private readonly clock: Clock,
    @Optional() @Inject(DeadLetterStore) private readonly store?: Pick<DeadLetterStore, 'count'>,
    @Optional() @Inject(RESILIENCE_HEALTH) private readonly health?: HealthReading,
    @Optional() @Inject(RESILIENCE_REFUSALS) private readonly refusals?: { readonly total: number },
  ) {
    this.registry = settings.registry ?? newRegistry(settings.openMetrics);
  }

  /** The answer to one scrape. */
  scrape(): Promise<string> {
    return this.registry.metrics();
  }

  onModuleInit(): void {
    this.addCalls(() => this.source.methodStats());
    this.addCircuits(() => this.source.circuits());
    this.addRetryBudgets(() => this.source.retryBudgets());
    this.addBulkheads(() => this.source.bulkheads());
    this.addRateLimits(() => this.source.rateLimits());
    this.addSharedAnswers();
    this.addHedgesAndChaos();
    if (this.store) this.addDeadLetters(new DeadLetterSamples(this.store, this.clock));
    const { health, refusals } = this;
    if (refusals)
      this.counter('resilience_admin_refused_total', 'Requests without the right operator token', () => [
        { labels: {}, value: refusals.total },
      ]);
    if (health) this.gauge('resilience_health', '1 up, 0.5 degraded, 0 down or unknown', () => healthSamples(health));
    if (this.settings.defaultMetrics) collectDefaultMetrics({ register: this.registry });
  }

  private addCalls(methods: () => Iterable<MethodStats>): void {
    this.counter('resilience_calls_total', 'Finished calls', () => callSamples(methods()));
    this.counter('resilience_attempts_total', 'Times a method was entered', () =>
      counterSamples(methods(), 'attempts'),
    );
    this.counter('resilience_timeouts_total', 'Attempts that timed out', () => counterSamples(methods(), 'timeouts'));
    this.counter('resilience_fallbacks_total', 'Calls rescued by a fallback', () => fallbackSamples(methods()));
    this.counter('resilience_dead_lettered_total', 'Calls handed to the dead letters', () =>
      counterSamples(methods(), 'deadLettered'),
    );
    const name = 'resilience_call_duration_seconds';
    const help = 'Duration of whole calls, retries and fallbacks included';
    this.add({ name, help, type: 'histogram' }, () => durationSamples(name, methods()));
  }

  private addCircuits(circuits: () => Iterable<CircuitStats>): void {
    this.gauge('resilience_circuit_state', '1 for the state a circuit is in', () => circuitStateSamples(circuits()));
    this.counter('resilience_circuit_rejected_total', 'Calls refused by a circuit', () =>
      circuitRejectedSamples(circuits()),
    );
  }

  private addRetryBudgets(budgets: () => Iterable<RetryBudgetStats>): void {
    this.gauge('resilience_retry_budget_active', 'Calls in flight of a policy that retries within a budget', () =>
      retryBudgetSamples(budgets(), 'active'),
    );
    this.gauge('resilience_retry_budget_retrying', 'Of these, calls that wait for or run a retry', () =>
      retryBudgetSamples(budgets(), 'retrying'),
    );
    this.gauge('resilience_retry_budget_limit', 'How many may be retrying now', () =>
      retryBudgetSamples(budgets(), 'limit'),
    );
  }

  private addBulkheads(bulkheads: () => Iterable<BulkheadStats>): void {
    this.gauge('resilience_bulkhead_in_use', 'Attempts that hold a place in a bulkhead', () =>
      bulkheadSamples(bulkheads(), 'inUse'),
    );
    this.gauge('resilience_bulkhead_queued', 'Attempts that wait for a place in a bulkhead', () =>
      bulkheadSamples(bulkheads(), 'queued'),
    );
    this.gauge('resilience_bulkhead_limit', 'Places of a bulkhead', () =>
      bulkheadSamples(bulkheads(), 'maxConcurrent'),
    );
    this.counter('resilience_bulkhead_rejected_total', 'Attempts refused by a bulkhead', () =>
      bulkheadRejectedSamples(bulkheads()),
    );
  }

  private addRateLimits(rateLimits: () => Iterable<RateLimitStats>): void {
    this.gauge('resilience_rate_limit_available', 'Tokens of a rate limit without a key; below 0 when reserved', () =>
      availableTokenSamples(rateLimits()),
    );
    this.counter('resilience_rate_limit_rejected_total', 'Attempts refused by a rate limit', () =>
      rateLimitRejectedSamples(rateLimits()),
    );
  }

  private addHedgesAndChaos(): void {
    const { source } = this;
    this.counter('resilience_hedges_started_total', 'Attempts that joined another', () =>
      hedgeSamples(source.hedges(), 'started'),
    );
    this.counter('resilience_hedges_won_total', 'Hedges that answered first', () =>
      hedgeSamples(source.hedges(), 'won'),
    );
    this.counter('resilience_chaos_injected_total', 'Attempts disturbed on purpose', () =>
      chaosSamples(source.chaos()),
    );
  }

  private addSharedAnswers(): void {
    const { source } = this;
    this.counter('resilience_cache_hits_total', 'Calls answered with a fresh result', () =>
      cacheSamples(source.caches(), 'hits'),
    );
    this.counter('resilience_cache_misses_total', 'Calls that no cached result answered', () =>
      cacheSamples(source.caches(), 'misses'),
    );
    this.counter('resilience_cache_stale_total', 'Failed calls answered with an older result', () =>
      cacheSamples(source.caches(), 'stale'),
    );
    this.counter('resilience_coalesced_total', 'Calls that joined a running one', () =>
      coalescedSamples(source.coalesced()),
    );
  }

  private addDeadLetters(samples: DeadLetterSamples): void {
    this.gauge('resilience_dead_letters', 'Dead letters in the store', () => samples.depth());
    this.counter('resilience_dead_letters_unreadable_total', 'Scrapes that the dead letter store did not answer', () =>
      samples.unreadable(),
    );
  }

  private counter(name: string, help: string, read: Read): void {
    this.add({ name, help, type: 'counter' }, read);
  }

  private gauge(name: string, help: string, read: Read): void {
    this.add({ name, help, type: 'gauge' }, read);
  }

  private add(description: ConstructorParameters<typeof ScrapedMetric>[0], read: Read): void {
    new ScrapedMetric(description, read).registerIn(this.registry);
  }
}

function newRegistry(openMetrics: boolean): Registry {
  const registry: Registry<PrometheusContentType | OpenMetricsContentType> = new Registry();
  if (openMetrics) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  // The types tell the two formats apart, which nobody who only scrapes has to.
  return registry as Registry;
}
