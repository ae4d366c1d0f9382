import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client';
import { FigureTable } from '../nest/figures/figure-table.js';
import { METRICS_SETTINGS, type MetricsModuleSettings } from './metrics.options.js';
import { ScrapedMetric } from './scraped-metric.js';

/** The figures of the application in a prom-client registry. Nothing is counted here: a scrape reads what the engine counted. */
@Injectable()
export class PrometheusMetrics implements OnModuleInit, OnModuleDestroy {
  readonly registry: Registry;
  private stop: () => void = () => undefined;

  constructor(
    @Inject(METRICS_SETTINGS) private readonly settings: MetricsModuleSettings,
    @Inject(FigureTable) private readonly figures: FigureTable,
  ) {
    this.registry = settings.registry ?? newRegistry(settings.openMetrics);
  }

  /** The answer to one scrape. */
  scrape(): Promise<string> {
    return this.registry.metrics();
  }

  onModuleInit(): void {
    this.stop = this.figures.each((figure) => {
      if (figure.kind === 'histogram' || figure.shownBy !== 'opentelemetry') {
        new ScrapedMetric(figure).registerIn(this.registry);
      }
    });
    if (this.settings.defaultMetrics) collectDefaultMetrics({ register: this.registry });
  }

  onModuleDestroy(): void {
    this.stop();
  }
}

function newRegistry(openMetrics: boolean): Registry {
  const registry: Registry<PrometheusContentType | OpenMetricsContentType> = new Registry();
  if (openMetrics) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  // The types tell the two formats apart, which nobody who only scrapes has to.
  return registry as Registry;
}
