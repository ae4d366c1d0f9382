import type { BatchObservableResult } from '@opentelemetry/api';

import type { ResilienceService } from '../nest/resilience.service.js';
import { ATTRIBUTES } from './attributes.js';
import type { Instruments } from './instruments.js';

type Limits = Pick<ResilienceService, 'retryBudgets' | 'bulkheads' | 'rateLimits'>;

/** What keeps calls within bounds: how much of it is used, and whom it refused. */
export function readLimits(result: BatchObservableResult, instruments: Instruments, limits: Limits): void {
  for (const { name, active, retrying, limit } of limits.retryBudgets()) {
    const policy = { [ATTRIBUTES.policy]: name };
    result.observe(instruments.budgetActive, active, policy);
    result.observe(instruments.budgetRetrying, retrying, policy);
    result.observe(instruments.budgetLimit, limit, policy);
  }
  for (const bulkhead of limits.bulkheads()) {
    const named = { [ATTRIBUTES.bulkhead]: bulkhead.name };
    const { inUse, queued, maxConcurrent, rejected } = bulkhead.snapshot();
    result.observe(instruments.bulkheadInUse, inUse, named);
    result.observe(instruments.bulkheadQueued, queued, named);
    result.observe(instruments.bulkheadLimit, maxConcurrent, named);
    for (const [policy, count] of Object.entries(rejected)) {
      result.observe(instruments.bulkheadRejections, count, { ...named, [ATTRIBUTES.policy]: policy });
    }
  }
  for (const rateLimit of limits.rateLimits()) {
    const named = { [ATTRIBUTES.rateLimit]: rateLimit.name };
    const { available, rejected } = rateLimit.snapshot();
    if (available !== undefined) result.observe(instruments.rateLimitAvailable, available, named);
    for (const [policy, count] of Object.entries(rejected)) {
      result.observe(instruments.rateLimitRejections, count, { ...named, [ATTRIBUTES.policy]: policy });
    }
  }
}
