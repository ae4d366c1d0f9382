import { policyDecorator } from '../nest/policy-decorator.js';
import type { RateLimitOptions } from './rate-limit.options.js';

/**
 * Lets attempts of a method start only as fast as tokens flow in; others wait in line, or get a `RateLimitError`.
 * @example `@RateLimit({ limit: 100, interval: '1m', maxWait: '5s' })`
 */
export function RateLimit(options: RateLimitOptions): MethodDecorator & ClassDecorator {
  return policyDecorator('rateLimit', 'RateLimit', options);
}
