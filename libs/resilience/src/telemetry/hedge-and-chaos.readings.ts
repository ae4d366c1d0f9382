import type { BatchObservableResult } from '@opentelemetry/api';

import type { ResilienceService } from '../nest/resilience.service.js';
import { ATTRIBUTES } from './attributes.js';
import type { Instruments } from './instruments.js';

const DISTURBANCES = ['fault', 'latency', 'result'] as const;

/** Attempts that were added to a call, or disturbed on purpose. */
export function readHedgesAndChaos(
  result: BatchObservableResult,
  instruments: Instruments,
  attempts: Pick<ResilienceService, 'hedges' | 'chaos'>,
): void {
  for (const { name, started, won } of attempts.hedges()) {
    const policy = { [ATTRIBUTES.policy]: name };
    result.observe(instruments.hedgesStarted, started, policy);
    result.observe(instruments.hedgesWon, won, policy);
  }
  for (const counts of attempts.chaos()) {
    for (const kind of DISTURBANCES) {
      const attributes = { [ATTRIBUTES.policy]: counts.name, [ATTRIBUTES.disturbance]: kind };
      result.observe(instruments.chaosInjected, counts[kind], attributes);
    }
  }
}
