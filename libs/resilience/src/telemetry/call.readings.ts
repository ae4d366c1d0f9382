import type { BatchObservableResult } from '@opentelemetry/api';

import type { CallStats } from '../engine/call-stats.js';
import { ATTRIBUTES } from './attributes.js';
import type { Instruments } from './instruments.js';

/** The counters of methods, as the engine keeps them. */
export function readCalls(
  result: BatchObservableResult,
  instruments: Instruments,
  methods: Iterable<{ readonly name: string; readonly stats: CallStats }>,
): void {
  for (const { name, stats } of methods) {
    const policy = { [ATTRIBUTES.policy]: name };
    const calls = (count: number, outcome: 'successful' | 'failed', retried: boolean): void =>
      result.observe(instruments.calls, count, {
        ...policy,
        [ATTRIBUTES.outcome]: outcome,
        [ATTRIBUTES.retried]: retried,
      });
    calls(stats.successfulWithoutRetry, 'successful', false);
    calls(stats.successfulWithRetry, 'successful', true);
    calls(stats.failedWithoutRetry, 'failed', false);
    calls(stats.failedWithRetry, 'failed', true);
    result.observe(instruments.attempts, stats.attempts, policy);
    result.observe(instruments.timeouts, stats.timeouts, policy);
    result.observe(instruments.deadLettered, stats.deadLettered, policy);
    for (const [index, count] of stats.fallbacksByLevel.entries()) {
      result.observe(instruments.fallbacks, count, { ...policy, [ATTRIBUTES.fallbackLevel]: index + 1 });
    }
  }
}
