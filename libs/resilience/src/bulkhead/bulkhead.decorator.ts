import { policyDecorator } from '../nest/policy-decorator.js';
import type { BulkheadOptions } from './bulkhead.options.js';

/**
 * Lets only so many attempts of a method run at once; others wait in line, or get a `BulkheadFullError`.
 * @param options a number is short for `{ maxConcurrent }`
 * @example `@Bulkhead({ maxConcurrent: 10, maxQueue: 50, maxWait: '2s' })`
 */
export function Bulkhead(options?: BulkheadOptions | number): MethodDecorator & ClassDecorator {
  return policyDecorator('bulkhead', 'Bulkhead', options);
}
