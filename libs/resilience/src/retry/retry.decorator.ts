import type { PolicyDecorator } from '../nest/method-types.js';
import { policyDecorator } from '../nest/policy-decorator.js';
import type { RetryOptions } from './retry.options.js';

/**
 * Calls the method again when it fails with an error that may pass. The last error is thrown unchanged.
 * On a class: on each of its own public methods that has no `@Retry` of its own.
 * The compiler checks that `retryOnResult` judges what the method returns.
 * @param options a number is short for `{ maxRetries }`
 * @example `@Retry({ maxRetries: 5, baseDelay: '200ms' })`
 */
export function Retry<R>(options?: RetryOptions<R> | number): PolicyDecorator<R> {
  return policyDecorator('retry', 'Retry', options);
}
