import type { CallStats } from '../engine/call-stats.js';
import { DURATION_BUCKETS_SECONDS } from './metrics.options.js';
import type { Sample } from './scraped-metric.js';

/** The counters of one method, as the engine keeps them. */
export interface MethodStats {
  readonly name: string;
  readonly stats: CallStats;
}

export function* callSamples(methods: Iterable<MethodStats>): Generator<Sample> {
  for (const { name: method, stats } of methods) {
    yield { labels: { method, outcome: 'successful', retry: 'without' }, value: stats.successfulWithoutRetry };
    yield { labels: { method, outcome: 'successful', retry: 'with' }, value: stats.successfulWithRetry };
    yield { labels: { method, outcome: 'failed', retry: 'without' }, value: stats.failedWithoutRetry };
    yield { labels: { method, outcome: 'failed', retry: 'with' }, value: stats.failedWithRetry };
  }
}

/** One counter of each method. */
export function* counterSamples(
  methods: Iterable<MethodStats>,
  counter: 'attempts' | 'rejected' | 'timeouts' | 'deadLettered',
): Generator<Sample> {
  for (const { name: method, stats } of methods) yield { labels: { method }, value: stats[counter] };
}

export function* fallbackSamples(methods: Iterable<MethodStats>): Generator<Sample> {
  for (const { name: method, stats } of methods) {
    for (const [index, value] of stats.fallbacksByLevel.entries())
      yield { labels: { method, level: index + 1 }, value };
  }
}

const BUCKETS_MS = DURATION_BUCKETS_SECONDS.map((seconds) => seconds * 1000);

export function* durationSamples(name: string, methods: Iterable<MethodStats>): Generator<Sample> {
  for (const { name: method, stats } of methods) {
    const { durations } = stats;
    const counts = durations.cumulative(BUCKETS_MS);
    for (const [index, le] of DURATION_BUCKETS_SECONDS.entries()) {
      yield { labels: { le, method }, value: counts[index] ?? 0, metricName: `${name}_bucket` };
    }
    yield { labels: { le: '+Inf', method }, value: durations.count, metricName: `${name}_bucket` };
    yield { labels: { method }, value: durations.sum / 1000, metricName: `${name}_sum` };
    yield { labels: { method }, value: durations.count, metricName: `${name}_count` };
  }
}
