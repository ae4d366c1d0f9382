export type { Jitter } from './backoff/jitter.js';
export type { BackoffFunction, BackoffName } from './backoff/strategy.js';
export { Retry } from './retry.decorator.js';
export type {
  RetryEvents,
  RetryExhaustedEvent,
  RetryRecoveredEvent,
  RetryScheduledEvent,
  RetryStop,
} from './retry.events.js';
export type { RetryBudgetReading } from './retry-budget.js';
export { DEFAULT_RETRY_OPTIONS, type RetryBudgetOptions, type RetryOptions } from './retry.options.js';
