import { policyDecorator } from '../nest/policy-decorator.js';
import { readRetryOptions, type RetryOptions } from './retry.options.js';

/**
 * Calls the method again when it fails with an error that may pass. The last error is thrown unchanged.
 * On a class: on each of its own public methods that has no `@Retry` of its own.
 * @param options a number is short for `{ maxRetries }`
 * @example `@Retry({ maxRetries: 5, baseDelay: '200ms' })`
 */
export function Retry(options?: RetryOptions | number): MethodDecorator & ClassDecorator {
  return policyDecorator('retry', 'Retry', (path) => readRetryOptions(options, path));
}
