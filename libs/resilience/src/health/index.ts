export { ChaosHealthIndicator, type ChaosReading } from './chaos.health.js';
export { CircuitsHealthIndicator, type CircuitReading, type CircuitsHealthOptions } from './circuits.health.js';
export {
  DEFAULT_DEAD_LETTER_HEALTH_OPTIONS,
  DeadLetterHealthIndicator,
  type DeadLetterHealthOptions,
} from './dead-letter.health.js';
export {
  DEFAULT_EVENT_LOOP_HEALTH_OPTIONS,
  EventLoopHealthIndicator,
  type EventLoopHealthOptions,
} from './event-loop.health.js';
export { HealthCheckProbe } from './health-check-probe.decorator.js';
export {
  DEFAULT_HEALTH_CHECK_OPTIONS,
  type HealthCheckContext,
  type HealthCheckFunction,
  type HealthCheckOptions,
} from './health-check.options.js';
export { degraded, down, type HealthDetails, type HealthOutcome, up } from './health-outcome.js';
export { HealthController } from './health.controller.js';
export { HEALTH_CHANGED, type HealthChangedEvent } from './health.events.js';
export { HealthModule } from './health.module.js';
export { DEFAULT_HEALTH_MODULE_OPTIONS, type HealthModuleOptions } from './health.options.js';
export { HealthRegistry } from './health.registry.js';
export type { HealthCheckState, HealthReport, HealthStatus, HealthSummary } from './health.report.js';
export { type HealthSource, RESILIENCE_HEALTH } from './health.token.js';
export { ShutdownState } from './shutdown.state.js';
export { StoreHealthIndicator } from './store.health.js';
