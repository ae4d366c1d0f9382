export type { LlmAnswerStore } from './cache/answer-store.js';
export type { LlmGuarded, LlmGuardFunction, LlmGuardOptions, LlmGuardsOptions } from './guard/guard.options.js';
export {
  DEFAULT_LLM_ENDPOINT_OPTIONS,
  type LlmEndpointKey,
  type LlmEndpointOptions,
} from './endpoint/endpoint.options.js';
export { LLM_CONNECTIVITY_JOB, LlmConnectivityChecker } from './health/connectivity.checker.js';
export type { LlmPaidChecks, LlmProviderHealth, LlmProviderStatus } from './health/health-record.js';
export { LlmHealthIndicator, type LlmHealthIndicatorOptions } from './health/llm.health.js';
export type { LlmBudgetOptions } from './budget/budget.options.js';
export { LLM_BUDGET_STORE, type LlmBudgetStore } from './budget/budget-store.js';
export type { LlmHedgeOptions } from './chain/hedge.options.js';
export type { LlmBalance } from './chain/balance.js';
export { type ClusterLease, LLM_CLUSTER_LEASE, LLM_SHARED_LIMITS, type SharedLimits } from './chain/shared-limits.js';
export {
  LlmAnswerTooLargeError,
  LlmBadRequestError,
  LlmBudgetError,
  LlmGuardError,
  LlmInvalidAnswerError,
  LlmPackageMissingError,
  LlmRateLimitError,
  LlmRefusedError,
  LlmStreamInterruptedError,
  type LlmTargetFailure,
  LlmUnavailableError,
} from './llm.errors.js';
export type {
  LlmBudgetEvent,
  LlmCompletedEvent,
  LlmEventMap,
  LlmFailedEvent,
  LlmFellBackEvent,
  LlmHealedEvent,
  LlmHedgedEvent,
  LlmHealthChangedEvent,
} from './llm.events.js';
export type { LlmMetricsSnapshot, LlmTargetMetrics } from './llm.metrics.js';
export { LlmModule, type LlmModuleAsyncOptions, type LlmModuleExtras } from './llm.module.js';
export { DEFAULT_LLM_OPTIONS, type LlmModuleOptions } from './llm.options.js';
export {
  LLM_PROVIDER_KINDS,
  type LlmLimits,
  type LlmProviderKind,
  type LlmProviderOptions,
  type LlmEmbeddingOptions,
} from './options/provider.options.js';
export type { LlmCacheOptions } from './cache/cache.options.js';
export type {
  LlmCooldownOptions,
  LlmFallThrough,
  LlmPolicyOptions,
  LlmTimeoutOptions,
} from './options/policies.options.js';
export type { LlmCost } from './prices/cost.options.js';
export type { LlmHealthOptions } from './health/health.options.js';
export type { LlmModelOptions, LlmSdkEmbeddingModel, LlmSdkModel } from './options/model.options.js';
export type {
  JsonSchema,
  LlmMessage,
  LlmPart,
  LlmProviderSettings,
  LlmRequest,
  LlmSchema,
  LlmStreamRequest,
} from './llm.request.js';
export type { LlmPrices } from './prices/price-of.js';
export { PRICE_TABLE, type PriceRow } from './prices/price-table.js';
export type { LlmFinishReason, LlmGuardRecord, LlmResult, LlmTry, LlmTryOutcome, LlmUsage } from './llm.result.js';
export { type LlmModelChoice, LlmService } from './llm.service.js';
export type { LlmTargetInfo, LlmTargetView } from './chain/target-view.js';
export { LlmStream } from './llm.stream.js';
export { LLM_FILE_SCHEMA } from './options/file-schema.js';
export { checkLlmOptions } from './options/check-options.js';
export { providersFromEnv } from './providers-from-env.js';
