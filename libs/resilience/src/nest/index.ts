export { Attempt, type AttemptDecorator } from './attempt.decorator.js';
export type { PolicyDecorator } from './method-types.js';
export type { PlainOptions, PlainValue } from './plain-options.js';
export type { NamedPolicies, PolicySource } from './policy-book.js';
export type { PolicyLayer, PolicyReport } from './policy-report.js';
export { warnOfOpenFiles } from './open-files.warning.js';
export { ResilienceInterceptor } from './resilience.interceptor.js';
export { ResilienceModule } from './resilience.module.js';
export {
  type DeadLetterModuleOptions,
  DEFAULT_RESILIENCE_MODULE_OPTIONS,
  type ResilienceModuleAsyncOptions,
  type ResilienceModuleOptions,
  type ResilienceOptionsFactory,
} from './resilience.options.js';
export { type ResilienceMetrics, ResilienceService } from './resilience.service.js';
export { Resilient } from './resilient.decorator.js';
export { StoreFaults, type StoreFault, type WatchedStore } from './store-faults.js';
export { RESILIENCE_CLOCK, RESILIENCE_EVENTS, RESILIENCE_RANDOM } from './tokens.js';
