import type { PolicyDecorator } from '../nest/method-types.js';
import { policyDecorator } from '../nest/policy-decorator.js';
import type { RateLimitOptions } from './rate-limit.options.js';

/**
 * Lets attempts of a method start only as fast as tokens flow in; others wait in line, or get a `RateLimitError`.
 * The compiler checks that `key` and `cost` take what the method is given.
 * @example `@RateLimit({ limit: 100, interval: '1m', maxWait: '5s' })`
 */
export function RateLimit<K extends readonly unknown[], C extends readonly unknown[]>(
  options: RateLimitOptions<K, C>,
): PolicyDecorator<unknown, K, C> {
  return policyDecorator('rateLimit', 'RateLimit', options as RateLimitOptions);
}
