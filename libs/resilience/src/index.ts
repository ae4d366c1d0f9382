// The engine
export {
  type AttemptContext,
  type AttemptRecord,
  CallStats,
  classifyError,
  type Clock,
  type DeadLetterSink,
  type Duration,
  DurationHistogram,
  type ErrorClassification,
  type EventSink,
  type FailedCall,
  type FailureKind,
  type FailureReason,
  type FallbackRecord,
  type Matcher,
  type MethodMetrics,
  nearest,
  type OptionProblem,
  OptionsReader,
  parseDuration,
  type Random,
  ResilienceError,
  type ResilienceErrorCode,
  ResilienceOptionsError,
  systemClock,
  systemRandom,
  type TimeoutScope,
  type TimerHandle,
} from './engine/index.js';

// Retry
export {
  type BackoffFunction,
  type BackoffName,
  DEFAULT_RETRY_OPTIONS,
  type Jitter,
  Retry,
  type RetryBudgetOptions,
  type RetryEvents,
  type RetryExhaustedEvent,
  type RetryOptions,
  type RetryRecoveredEvent,
  type RetryScheduledEvent,
  type RetryStop,
} from './retry/index.js';

// Circuit breaker
export {
  CircuitBreaker,
  type CircuitBreakerEvents,
  type CircuitBreakerOptions,
  CircuitHandle,
  CircuitOpenError,
  type CircuitOpenedEvent,
  type CircuitRejectedEvent,
  type CircuitSnapshot,
  type CircuitStateEvent,
  type CircuitStateName,
  DEFAULT_CIRCUIT_BREAKER_OPTIONS,
  type WindowOptions,
} from './circuit-breaker/index.js';

// Timeout
export {
  DEFAULT_TIMEOUT_OPTIONS,
  Timeout,
  TimeoutError,
  type TimeoutEvents,
  type TimeoutExceededEvent,
  type TimeoutOptions,
} from './timeout/index.js';

// Fallback
export {
  Fallback,
  type FallbackContext,
  type FallbackEntry,
  fallbackErrorsOf,
  type FallbackEvents,
  type FallbackFailedEvent,
  type FallbackFunction,
  type FallbackOptions,
  type FallbackTarget,
  type FallbackUsedEvent,
} from './fallback/index.js';

// Dead letters
export * from './dead-letter/index.js';

// Policies without decorators
export {
  createPolicy,
  type ExecuteOptions,
  type Policy,
  type PolicyEnvironment,
  type PolicyFunction,
  type PolicyOptions,
} from './policy/index.js';

// Nest
export {
  Attempt,
  type DeadLetterModuleOptions,
  RESILIENCE_CLOCK,
  RESILIENCE_EVENTS,
  RESILIENCE_RANDOM,
  ResilienceInterceptor,
  type ResilienceMetrics,
  ResilienceModule,
  type ResilienceModuleAsyncOptions,
  type ResilienceModuleOptions,
  type ResilienceOptionsFactory,
  ResilienceService,
} from './nest/index.js';
