export { CircuitBreaker } from './circuit-breaker.decorator.js';
export { CircuitOpenError } from './circuit-breaker.errors.js';
export type {
  CircuitBreakerEvents,
  CircuitOpenedEvent,
  CircuitRejectedEvent,
  CircuitStateEvent,
  CircuitThresholdEvent,
} from './circuit-breaker.events.js';
export {
  type CircuitBreakerOptions,
  DEFAULT_CIRCUIT_BREAKER_OPTIONS,
  type RecoveryCause,
  type RecoveryFunction,
  type WindowOptions,
} from './circuit-breaker.options.js';
export type { CircuitStateName } from './circuit-breaker.state.js';
export { CircuitHandle } from './circuit-handle.js';
export type { CircuitSnapshot } from './circuit-snapshot.js';
