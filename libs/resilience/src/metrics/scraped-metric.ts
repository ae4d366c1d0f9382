import type { Metric, Registry } from 'prom-client';
import type { DurationFigure, Figure, Labels, Reading } from '../engine/figure.js';
import type { DurationHistogram } from '../engine/duration-histogram.js';

interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Of a histogram: its name with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

/**
 * A figure that is read when it is scraped. prom-client's own metrics are written when something happens, which would put work
 * on every call, and its Counter cannot be set; its Registry only needs what is here.
 */
export class ScrapedMetric {
  /** prom-client takes `_total` off when it writes OpenMetrics. */
  name: string;
  readonly help: string;
  readonly type: Figure['kind'] | 'histogram';
  readonly aggregator = 'sum';

  constructor(private readonly figure: Figure | DurationFigure) {
    this.name = seriesOf(figure);
    this.help = figure.help;
    this.type = figure.kind;
  }

  registerIn(registry: Registry): void {
    registry.registerMetric(this as unknown as Metric);
  }

  async get() {
    const { figure, name, help, type, aggregator } = this;
    const values: Sample[] =
      figure.kind === 'histogram'
        ? [...figure.read()].flatMap((reading) => histogramSamples(figure, reading))
        : [...(await figure.read())];
    return { name, help, type, aggregator, values };
  }

  /** The counts belong to the engine. */
  reset(): void {}
}

function seriesOf(figure: Figure | DurationFigure): string {
  const name = figure.kind === 'histogram' ? figure.name : (figure.series ?? figure.name);
  return name.replaceAll('.', '_') + { counter: '_total', gauge: '', histogram: '_seconds' }[figure.kind];
}

function histogramSamples(figure: DurationFigure, { labels, value }: Reading<DurationHistogram>): Sample[] {
  const { buckets } = figure;
  const name = seriesOf(figure);
  const counts = value.cumulative(buckets.map((seconds) => seconds * 1000));
  const bucket = (le: string | number, count: number): Sample => ({
    ...{ labels: { le, ...labels }, value: count },
    metricName: `${name}_bucket`,
  });
  return [
    ...buckets.map((le, index) => bucket(le, counts[index] ?? 0)),
    bucket('+Inf', value.count),
    { labels, value: value.sum / 1000, metricName: `${name}_sum` },
    { labels, value: value.count, metricName: `${name}_count` },
  ];
}
