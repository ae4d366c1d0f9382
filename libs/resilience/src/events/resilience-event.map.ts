import type { BulkheadEvents } from '../bulkhead/bulkhead.events.js';
import type { CacheEvents } from '../cache/cache.events.js';
import type { ChaosEvents } from '../chaos/chaos.events.js';
import type { CircuitBreakerEvents } from '../circuit-breaker/circuit-breaker.events.js';
import type { CoalesceEvents } from '../coalesce/coalesce.events.js';
import type { DeadLetterEvents } from '../dead-letter/dead-letter.events.js';
import type { FallbackEvents } from '../fallback/fallback.events.js';
import type { HedgeEvents } from '../hedge/hedge.events.js';
import type { RateLimitEvents } from '../rate-limit/rate-limit.events.js';
import type { RetryEvents } from '../retry/retry.events.js';
import type { TimeoutEvents } from '../timeout/timeout.events.js';

/**
 * Every event of this library: its name and what a listener is given.
 * Optional parts and other packages add theirs by declaration merging, as `health/health.events.ts` does.
 */
export interface ResilienceEventMap
  extends
    RetryEvents,
    CircuitBreakerEvents,
    TimeoutEvents,
    FallbackEvents,
    DeadLetterEvents,
    CacheEvents,
    CoalesceEvents,
    HedgeEvents,
    RateLimitEvents,
    BulkheadEvents,
    ChaosEvents {}

export type ResilienceEventName = keyof ResilienceEventMap;
