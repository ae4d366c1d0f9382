import { type BatchObservableCallback, type Meter, metrics, type Observable } from '@opentelemetry/api';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy, Optional } from '@nestjs/common';

import type { CountedDeadLetterStore } from '../dead-letter/counted.store.js';
import { DeadLetterStore } from '../dead-letter/dead-letter.store.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { readCalls } from './call.readings.js';
import { readCircuits } from './circuit.readings.js';
import { readDeadLetters } from './dead-letter.readings.js';
import { type HealthReading, readHealth, RESILIENCE_HEALTH } from './health.readings.js';
import { readHedgesAndChaos } from './hedge-and-chaos.readings.js';
import { newInstruments } from './instruments.js';
import { readLimits } from './limit.readings.js';
import { SCOPE } from './scope.js';
import { readSharedAnswers } from './shared-answer.readings.js';
import { TELEMETRY_SETTINGS, type TelemetryModuleSettings } from './telemetry.options.js';

/**
 * The figures of `GET /metrics` as OpenTelemetry instruments. Nothing is counted here: a collection reads what the engine counted.
 * Attributes are names of methods, circuits, queues and checks, never anything a caller can choose.
 */
@Injectable()
export class Meters implements OnApplicationBootstrap, OnModuleDestroy {
  private stop: () => void = () => undefined;

  constructor(
    @Inject(TELEMETRY_SETTINGS) private readonly settings: TelemetryModuleSettings,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Inject(DeadLetterStore) private readonly store: Pick<CountedDeadLetterStore, 'open'>,
    @Optional() @Inject(RESILIENCE_HEALTH) private readonly health?: HealthReading,
  ) {}

  /** Late, since a provider that is registered after a meter was asked for is never seen. */
  onApplicationBootstrap(): void {
    if (!this.settings.metrics) return;
    const provider = this.settings.meterProvider ?? metrics.getMeterProvider();
    this.stop = this.observe(provider.getMeter(SCOPE));
  }

  onModuleDestroy(): void {
    this.stop();
  }

  private observe(meter: Meter): () => void {
    const { resilience, store, health } = this;
    const instruments = newInstruments(meter);
    const observables: Observable[] = Object.values(instruments);
    const read: BatchObservableCallback = (result) => {
      readCalls(result, instruments, resilience.methodStats());
      readCircuits(result, instruments, resilience.circuits());
      readLimits(result, instruments, resilience);
      readSharedAnswers(result, instruments, resilience);
      readHedgesAndChaos(result, instruments, resilience);
      readDeadLetters(result, instruments, store.open);
      if (health !== undefined) readHealth(result, instruments, health);
    };
    meter.addBatchObservableCallback(read, observables);
    return () => meter.removeBatchObservableCallback(read, observables);
  }
}
