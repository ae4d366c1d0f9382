import type { CircuitBreakerEvents } from '../circuit-breaker/circuit-breaker.events.js';
import type { DeadLetterEvents } from '../dead-letter/dead-letter.events.js';
import type { FallbackEvents } from '../fallback/fallback.events.js';
import type { HealthEvents } from '../health/health.events.js';
import type { RetryEvents } from '../retry/retry.events.js';
import type { TimeoutEvents } from '../timeout/timeout.events.js';

/**
 * Every event of this library: its name and what a listener is given.
 * Packages that report events of their own add them by declaration merging.
 */
export interface ResilienceEventMap
  extends RetryEvents, CircuitBreakerEvents, TimeoutEvents, FallbackEvents, DeadLetterEvents, HealthEvents {}

export type ResilienceEventName = keyof ResilienceEventMap;
