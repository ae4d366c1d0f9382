import type { Meter } from '@opentelemetry/api';

export type Instruments = ReturnType<typeof newInstruments>;

/** Units in braces count things, by OpenTelemetry's conventions. */
export function newInstruments(meter: Meter) {
  return {
    calls: meter.createObservableCounter('resilience.calls', { description: 'Finished calls', unit: '{call}' }),
    attempts: meter.createObservableCounter('resilience.attempts', {
      description: 'Times a method was entered',
      unit: '{attempt}',
    }),
    timeouts: meter.createObservableCounter('resilience.timeouts', {
      description: 'Attempts that timed out',
      unit: '{attempt}',
    }),
    fallbacks: meter.createObservableCounter('resilience.fallbacks', {
      description: 'Calls rescued by a fallback',
      unit: '{call}',
    }),
    deadLettered: meter.createObservableCounter('resilience.dead_lettered', {
      description: 'Calls handed to the dead letters',
      unit: '{call}',
    }),
    circuitState: meter.createObservableGauge('resilience.circuit.state', {
      description: '1 for the state a circuit is in; of a keyed breaker, how many of its circuits are',
      unit: '{circuit}',
    }),
    circuitRejections: meter.createObservableCounter('resilience.circuit.rejections', {
      description: 'Calls refused by a circuit',
      unit: '{call}',
    }),
    budgetActive: meter.createObservableGauge('resilience.retry_budget.active', {
      description: 'Calls in flight of a policy that retries within a budget',
      unit: '{call}',
    }),
    budgetRetrying: meter.createObservableGauge('resilience.retry_budget.retrying', {
      description: 'Of these, calls that wait for or run a retry',
      unit: '{call}',
    }),
    budgetLimit: meter.createObservableGauge('resilience.retry_budget.limit', {
      description: 'How many may be retrying now',
      unit: '{call}',
    }),
    bulkheadInUse: meter.createObservableGauge('resilience.bulkhead.in_use', {
      description: 'Attempts that hold a place in a bulkhead',
      unit: '{attempt}',
    }),
    bulkheadQueued: meter.createObservableGauge('resilience.bulkhead.queued', {
      description: 'Attempts that wait for a place in a bulkhead',
      unit: '{attempt}',
    }),
    bulkheadLimit: meter.createObservableGauge('resilience.bulkhead.limit', {
      description: 'Places of a bulkhead',
      unit: '{attempt}',
    }),
    bulkheadRejections: meter.createObservableCounter('resilience.bulkhead.rejections', {
      description: 'Attempts refused by a bulkhead',
      unit: '{attempt}',
    }),
    rateLimitAvailable: meter.createObservableGauge('resilience.rate_limit.available', {
      description: 'Tokens of a rate limit without a key; below 0 when reserved',
      unit: '{token}',
    }),
    rateLimitRejections: meter.createObservableCounter('resilience.rate_limit.rejections', {
      description: 'Attempts refused by a rate limit',
      unit: '{attempt}',
    }),
    cacheHits: meter.createObservableCounter('resilience.cache.hits', {
      description: 'Calls answered with a fresh result',
      unit: '{call}',
    }),
    cacheMisses: meter.createObservableCounter('resilience.cache.misses', {
      description: 'Calls that no cached result answered',
      unit: '{call}',
    }),
    cacheStale: meter.createObservableCounter('resilience.cache.stale', {
      description: 'Failed calls answered with an older result',
      unit: '{call}',
    }),
    coalesced: meter.createObservableCounter('resilience.coalesced', {
      description: 'Calls that joined a running one',
      unit: '{call}',
    }),
    hedgesStarted: meter.createObservableCounter('resilience.hedges.started', {
      description: 'Attempts that joined another',
      unit: '{attempt}',
    }),
    hedgesWon: meter.createObservableCounter('resilience.hedges.won', {
      description: 'Hedges that answered first',
      unit: '{attempt}',
    }),
    chaosInjected: meter.createObservableCounter('resilience.chaos.injected', {
      description: 'Attempts disturbed on purpose',
      unit: '{attempt}',
    }),
    deadLetters: meter.createObservableGauge('resilience.dead_letters', {
      description: 'Open dead letters in the store',
      unit: '{entry}',
    }),
    health: meter.createObservableGauge('resilience.health', {
      description: '1 up, 0.5 degraded, 0 down or unknown',
      unit: '1',
    }),
  };
}
