import { type Meter, metrics, type ObservableCallback } from '@opentelemetry/api';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import type { Figure } from '../engine/figure.js';
import { FigureTable } from '../nest/figures/figure-table.js';
import { attributesOf } from './attributes.js';
import { SCOPE } from './scope.js';
import { TELEMETRY_SETTINGS, type TelemetryModuleSettings } from './telemetry.options.js';

/** The figures of the application as OpenTelemetry instruments. Nothing is counted here: a collection reads what the engine counted. */
@Injectable()
export class Meters implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stops: (() => void)[] = [];

  constructor(
    @Inject(TELEMETRY_SETTINGS) private readonly settings: TelemetryModuleSettings,
    @Inject(FigureTable) private readonly figures: FigureTable,
  ) {}

  /** Late, since a provider that is registered after a meter was asked for is never seen. */
  onApplicationBootstrap(): void {
    if (!this.settings.metrics) return;
    const provider = this.settings.meterProvider ?? metrics.getMeterProvider();
    const meter = provider.getMeter(SCOPE);
    const stop = this.figures.each((figure) => {
      if (figure.kind !== 'histogram' && figure.shownBy !== 'prometheus') this.stops.push(observe(meter, figure));
    });
    this.stops.push(stop);
  }

  onModuleDestroy(): void {
    for (const stop of this.stops) stop();
  }
}

/** Returns what ends it. */
function observe(meter: Meter, { kind, name, help, unit, read }: Figure): () => void {
  const options = { description: help, unit };
  const instrument =
    kind === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
  const callback: ObservableCallback = async (result) => {
    for (const { labels, value } of await read()) result.observe(value, attributesOf(labels));
  };
  instrument.addCallback(callback);
  return () => instrument.removeCallback(callback);
}
