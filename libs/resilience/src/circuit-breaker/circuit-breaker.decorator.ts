import { policyDecorator } from '../nest/policy-decorator.js';
import { type CircuitBreakerOptions, readCircuitBreakerOptions } from './circuit-breaker.options.js';

/**
 * Stops calling a method that keeps failing, and probes it after a while.
 * Refused calls get a `CircuitOpenError`, or the method's fallback.
 * @example `@CircuitBreaker({ failureThreshold: 5, recoveryTimeout: '30s' })`
 */
export function CircuitBreaker(options?: CircuitBreakerOptions): MethodDecorator & ClassDecorator {
  return policyDecorator('circuitBreaker', 'CircuitBreaker', (path) => readCircuitBreakerOptions(options, path));
}
