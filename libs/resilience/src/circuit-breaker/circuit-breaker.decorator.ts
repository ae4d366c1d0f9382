import type { PolicyDecorator } from '../nest/method-types.js';
import { policyDecorator } from '../nest/policy-decorator.js';
import type { CircuitBreakerOptions } from './circuit-breaker.options.js';

/**
 * Stops calling a method that keeps failing, and probes it after a while.
 * Refused calls get a `CircuitOpenError`, or the method's fallback.
 * The compiler checks that `recordResult` judges what the method returns, and that `key` takes what it is given.
 * @example `@CircuitBreaker({ failureThreshold: 5, recoveryTimeout: '30s' })`
 */
export function CircuitBreaker<R, A extends readonly unknown[]>(
  options?: CircuitBreakerOptions<R, A>,
): PolicyDecorator<R, A> {
  return policyDecorator('circuitBreaker', 'CircuitBreaker', options as CircuitBreakerOptions | undefined);
}
