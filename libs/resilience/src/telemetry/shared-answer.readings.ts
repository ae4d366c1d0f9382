import type { BatchObservableResult } from '@opentelemetry/api';

import type { ResilienceService } from '../nest/resilience.service.js';
import { ATTRIBUTES } from './attributes.js';
import type { Instruments } from './instruments.js';

/** Calls that needed no attempt of their own. */
export function readSharedAnswers(
  result: BatchObservableResult,
  instruments: Instruments,
  answers: Pick<ResilienceService, 'caches' | 'coalesced'>,
): void {
  for (const { name, hits, misses, stale } of answers.caches()) {
    const policy = { [ATTRIBUTES.policy]: name };
    result.observe(instruments.cacheHits, hits, policy);
    result.observe(instruments.cacheMisses, misses, policy);
    result.observe(instruments.cacheStale, stale, policy);
  }
  for (const { name, joined } of answers.coalesced()) {
    result.observe(instruments.coalesced, joined, { [ATTRIBUTES.policy]: name });
  }
}
