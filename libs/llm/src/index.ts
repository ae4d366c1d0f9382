export {
  DEFAULT_LLM_ENDPOINT_OPTIONS,
  type LlmEndpointKey,
  type LlmEndpointOptions,
} from './endpoint/endpoint.options.js';
export { LLM_CONNECTIVITY_JOB, LlmConnectivityChecker } from './health/connectivity.checker.js';
export type { LlmPaidChecks, LlmProviderHealth, LlmProviderStatus } from './health/health-record.js';
export { LlmHealthIndicator, type LlmHealthIndicatorOptions } from './health/llm.health.js';
export {
  LlmAnswerTooLargeError,
  LlmInvalidAnswerError,
  LlmPackageMissingError,
  LlmRateLimitError,
  LlmRefusedError,
  LlmStreamInterruptedError,
  type LlmTargetFailure,
  LlmUnavailableError,
} from './llm.errors.js';
export type {
  LlmCompletedEvent,
  LlmEventMap,
  LlmFailedEvent,
  LlmFellBackEvent,
  LlmHealedEvent,
  LlmHealthChangedEvent,
} from './llm.events.js';
export type { LlmMetricsSnapshot, LlmTargetMetrics } from './llm.metrics.js';
export { LlmModule, type LlmModuleAsyncOptions } from './llm.module.js';
export {
  DEFAULT_LLM_OPTIONS,
  LLM_PROVIDER_KINDS,
  type LlmCost,
  type LlmHealthOptions,
  type LlmLimits,
  type LlmModelOptions,
  type LlmModuleOptions,
  type LlmPolicyOptions,
  type LlmProviderKind,
  type LlmProviderOptions,
  type LlmEmbeddingOptions,
  type LlmSdkEmbeddingModel,
  type LlmSdkModel,
  type LlmTimeoutOptions,
} from './llm.options.js';
export type {
  JsonSchema,
  LlmMessage,
  LlmPart,
  LlmProviderSettings,
  LlmRequest,
  LlmSchema,
  LlmStreamRequest,
} from './llm.request.js';
export type { LlmFinishReason, LlmResult, LlmTry, LlmTryOutcome, LlmUsage } from './llm.result.js';
export { type LlmModelChoice, LlmService, type LlmTargetInfo } from './llm.service.js';
export { LlmStream } from './llm.stream.js';
export { providersFromEnv } from './providers-from-env.js';
