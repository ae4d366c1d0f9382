import { Inject, Injectable, type OnModuleInit, Optional } from '@nestjs/common';
import { collectDefaultMetrics, type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client';
import { DeadLetterStore } from '../dead-letter/dead-letter.store.js';
import type { Clock } from '../engine/clock.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { RESILIENCE_CLOCK } from '../nest/tokens.js';
import { circuitRejectedSamples, type CircuitStats, circuitStateSamples } from './circuit.samples.js';
import { DeadLetterSamples } from './dead-letter.samples.js';
import { callSamples, counterSamples, durationSamples, fallbackSamples, type MethodStats } from './engine.samples.js';
import { type HealthReading, healthSamples, RESILIENCE_HEALTH } from './health.samples.js';
import { METRICS_SETTINGS, type MetricsModuleSettings } from './metrics.options.js';
import { type Sample, ScrapedMetric } from './scraped-metric.js';

/** What is read of the ResilienceService. */
export interface MetricsSource {
  methodStats(): Iterable<MethodStats>;
  circuits(): Iterable<CircuitStats>;
}

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
    if (this.store) this.addDeadLetters(new DeadLetterSamples(this.store, this.clock));
    const { health } = this;
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
