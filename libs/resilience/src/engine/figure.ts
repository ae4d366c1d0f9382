import type { OutcomeCounts } from './call-stats.js';
import type { DurationHistogram } from './duration-histogram.js';

/** What a value is of: methods, circuits, queues, checks. Never anything that a caller can choose. */
export type Labels = Readonly<Record<string, string | number>>;

export interface Reading<V = number> {
  readonly labels: Labels;
  readonly value: V;
}

interface FigureText {
  /**
   * As OpenTelemetry shows it, e.g. `resilience.cache.hits`. Prometheus has `_` for each dot, then the unit of a duration, and `_total`
   * after a counter.
   */
  readonly name: string;
  readonly help: string;
  /** Braces around what is counted, by OpenTelemetry's conventions, e.g. `{call}`. */
  readonly unit: string;
}

type Readings<V> = Iterable<Reading<V>>;

/** A value over time or at this moment, counted elsewhere and read when somebody asks. */
export interface Figure extends FigureText {
  readonly kind: 'counter' | 'gauge';
  readonly read: () => Readings<number> | Promise<Readings<number>>;
  /** In place of {@link name}, for Prometheus. */
  readonly series?: string;
  /** @default both */
  readonly shownBy?: 'prometheus' | 'opentelemetry';
}

/** Durations. Prometheus reads them; OpenTelemetry, which reads no histograms, is told each as it comes. */
export interface DurationFigure extends FigureText {
  readonly kind: 'histogram';
  readonly unit: 's';
  /** Upper bounds in seconds. */
  readonly buckets: readonly number[];
  readonly read: () => Readings<DurationHistogram>;
}

type More = Partial<Pick<Figure, 'series' | 'shownBy'>>;

export const counter = (name: string, unit: string, help: string, read: Figure['read'], more: More = {}): Figure => ({
  ...{ kind: 'counter', name, unit, help, read },
  ...more,
});

export const gauge = (name: string, unit: string, help: string, read: Figure['read'], more: More = {}): Figure => ({
  ...{ kind: 'gauge', name, unit, help, read },
  ...more,
});

/** The one label of things with a name. */
export const named =
  (label: string) =>
  ({ name }: { readonly name: string }): Labels => ({ [label]: name });

/** A reading of each thing that has this value. */
export function each<T, V>(
  things: () => Iterable<T>,
  labels: (thing: T) => Labels,
  value: (thing: T) => V | undefined,
): () => Readings<V> {
  return function* () {
    for (const thing of things()) {
      const found = value(thing);
      if (found !== undefined) yield { labels: labels(thing), value: found };
    }
  };
}

/** Several readings of each thing, told apart by one more label. */
export function eachBy<T>(
  things: () => Iterable<T>,
  labels: (thing: T) => Labels,
  by: string,
  values: (thing: T) => Iterable<readonly [string | number, number]>,
): () => Readings<number> {
  return function* () {
    for (const thing of things()) {
      for (const [name, value] of values(thing)) yield { labels: { ...labels(thing), [by]: name }, value };
    }
  };
}

const OUTCOMES = [
  ['successful', 'without', 'successfulWithoutRetry'],
  ['successful', 'with', 'successfulWithRetry'],
  ['failed', 'without', 'failedWithoutRetry'],
  ['failed', 'with', 'failedWithRetry'],
] as const satisfies readonly (readonly [string, string, keyof OutcomeCounts])[];

/** How something ended, as labels and how often. */
export function outcomes(labels: Labels, counts: OutcomeCounts): Reading[] {
  return OUTCOMES.map(([outcome, retry, field]) => ({ labels: { ...labels, outcome, retry }, value: counts[field] }));
}

/** Counts by level, of which the first is 1. */
export const byLevel = (counts: readonly number[]) => counts.map((count, index) => [index + 1, count] as const);

interface Limit {
  readonly name: string;
  snapshot(): { readonly rejected: Readonly<Record<string, number>> };
}

/** What limits refused, by the policy that was refused. */
export const refusedBy = (limits: () => Iterable<Limit>, labels: (limit: Limit) => Labels) =>
  eachBy(limits, labels, 'policy', (limit) => Object.entries(limit.snapshot().rejected));
