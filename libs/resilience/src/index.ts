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
  isSecretName,
  type Matcher,
  type MethodMetrics,
  nearest,
  neverShow,
  neverShowPasswordOf,
  onAbort,
  type OptionProblem,
  OptionsReader,
  parseDuration,
  PRIVATE_DIRECTORY,
  PRIVATE_FILE,
  type Random,
  redactedStack,
  redactText,
  redactValue,
  ResilienceError,
  type ResilienceErrorCode,
  ResilienceOptionsError,
  NotNowError,
  ShutdownError,
  ShutdownWait,
  systemClock,
  systemRandom,
  type TimeoutScope,
  type TimerHandle,
  withoutKnownSecrets,
} from './engine/index.js';

// Retry
export {
  type BackoffFunction,
  type BackoffName,
  DEFAULT_RETRY_OPTIONS,
  type Jitter,
  Retry,
  type RetryBudgetOptions,
  type RetryBudgetReading,
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
  type FallbackAnswer,
  type FallbackContext,
  type FallbackDecorator,
  type FallbackEntry,
  fallbackErrorsOf,
  type FallbackEvents,
  type FallbackFailedEvent,
  type FallbackFunction,
  type FallbackOf,
  type FallbackOptions,
  type FallbackTarget,
  type FallbackUsedEvent,
} from './fallback/index.js';

// Cache
export {
  Cache,
  type CacheEvents,
  type CacheHandle,
  type CacheOptions,
  type CacheStaleUsedEvent,
  DEFAULT_CACHE_OPTIONS,
} from './cache/index.js';

// Coalesce
export { Coalesce, type CoalesceEvents, type CoalesceJoinedEvent, type CoalesceOptions } from './coalesce/index.js';

// Rate limit
export {
  DEFAULT_RATE_LIMIT_OPTIONS,
  RateLimit,
  RateLimitError,
  type RateLimitEvents,
  type RateLimitOptions,
  type RateLimitReading,
  type RateLimitRefusal,
  type RateLimitRejectedEvent,
  type RateLimitSnapshot,
} from './rate-limit/index.js';

// Bulkhead
export {
  Bulkhead,
  type BulkheadEvents,
  BulkheadFullError,
  type BulkheadOptions,
  type BulkheadReading,
  type BulkheadRefusal,
  type BulkheadRejectedEvent,
  type BulkheadSnapshot,
  DEFAULT_BULKHEAD_OPTIONS,
} from './bulkhead/index.js';

// Hedge
export {
  DEFAULT_HEDGE_OPTIONS,
  Hedge,
  type HedgeEvents,
  type HedgeOptions,
  type HedgeStartedEvent,
  type HedgeWonEvent,
} from './hedge/index.js';

// Chaos
export {
  Chaos,
  type ChaosEvents,
  type ChaosInjectedEvent,
  type ChaosOptions,
  DEFAULT_CHAOS_OPTIONS,
  type DisturbanceKind,
} from './chaos/index.js';

// Dead letters
export {
  type CaptureParts,
  DEAD_LETTER_STATUSES,
  DeadLetter,
  type DeadLetterAdded,
  type DeadLetterCapture,
  type DeadLetterCodec,
  type DeadLetterCount,
  type DeadLetterEdit,
  type DeadLetterEntry,
  DeadLetterError,
  type DeadLetterErrorCode,
  type DeadLetterEvents,
  type DeadLetterFilter,
  type DeadLetterGate,
  type DeadLetterLease,
  type DeadLetterLog,
  type DeadLetterOptions,
  type DeadLetterPage,
  type DeadLetterPoisonedEvent,
  type DeadLetterQuery,
  type DeadLetterRecord,
  type DeadLetterRedrivenEvent,
  type DeadLetterRetention,
  DeadLetterService,
  type DeadLetterServiceParts,
  type DeadLetterStatus,
  DeadLetterStore,
  type DeadLetterStoredEvent,
  DeadLetterWriter,
  type DeadLetterWriterOptions,
  DEFAULT_DEAD_LETTER_OPTIONS,
  type AutoRedriveOptions,
  DEFAULT_AUTO_REDRIVE_OPTIONS,
  DEFAULT_DEAD_LETTER_RETENTION,
  DEFAULT_PAGE_LIMIT,
  FailedCallCapture,
  type ImportReport,
  type LeaseRequest,
  MAX_PAGE_LIMIT,
  MAX_STORED_NAME,
  MemoryDeadLetterStore,
  type PruneReport,
  type PruneRequest,
  readDeadLetterOptions,
  type RedactDecision,
  type RedriveAllOptions,
  type RedriveProgress,
  type RedriveReport,
  type RedriveResult,
  type ReleasedDeadLetter,
  type ResolvedDeadLetterOptions,
  type Settlement,
  type StoredArgs,
  type StoredAttempt,
  type StoredError,
  type StoredFallback,
  storedFilter,
  storedId,
  storedName,
  storedRecord,
  storedText,
  StoringDeadLetterSink,
  type StoringSinkParts,
  textInJson,
  type Written,
} from './dead-letter/index.js';

// Policies without decorators
export {
  createPolicy,
  type ExecuteOptions,
  type Policy,
  type Policies,
  type PolicyEnvironment,
  type PolicyFunction,
  type PolicyOptions,
} from './policy/index.js';

// Nest
export {
  Attempt,
  type AttemptDecorator,
  type DeadLetterModuleOptions,
  DEFAULT_RESILIENCE_MODULE_OPTIONS,
  type NamedPolicies,
  type PlainOptions,
  type PlainValue,
  type PolicyDecorator,
  type PolicyLayer,
  type PolicyLayerName,
  type PolicyReport,
  type PolicySource,
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
  Resilient,
  type StoreFault,
  StoreFaults,
  warnOfOpenFiles,
  type WatchedStore,
} from './nest/index.js';
