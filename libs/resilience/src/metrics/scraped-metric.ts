import type { Metric, Registry } from 'prom-client';

/** One line of a scrape. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Of a histogram: the metric's name with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

interface Description {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
}

/**
 * A metric that reads its values when it is scraped. prom-client's own are written when something happens, which would put work
 * on every call, and its Counter cannot be set; its Registry only needs what is here.
 */
export class ScrapedMetric implements Description {
  /** prom-client takes `_total` off when it writes OpenMetrics. */
  name: string;
  readonly help: string;
  readonly type: Description['type'];
  readonly aggregator = 'sum';

  constructor(
    description: Description,
    private readonly read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
  ) {
    this.name = description.name;
    this.help = description.help;
    this.type = description.type;
  }

  registerIn(registry: Registry): void {
    registry.registerMetric(this as unknown as Metric);
  }

  async get() {
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values: [...(await this.read())] };
  }

  /** The counts belong to the engine. */
  reset(): void {}
}
