import { policyDecorator } from '../nest/policy-decorator.js';
import { type FallbackOptions, readFallbackOptions } from './fallback.options.js';

/**
 * Answers in place of a method that failed after all its retries: another method of the class by name, a function, a constant,
 * or a chain of those. A fallback gets the original arguments followed by a `FallbackContext`.
 * @example `@Fallback([{ use: 'fromReplica', on: TimeoutError }, 'fromCache', { value: [] }])`
 */
export function Fallback(options: FallbackOptions): MethodDecorator & ClassDecorator {
  return policyDecorator(
    'fallback',
    'Fallback',
    (path) => readFallbackOptions(options, path),
    // On a class: a fallback falling back to itself would never end.
    (entries, method) => entries?.some(({ target }) => target === method) === true,
  );
}
