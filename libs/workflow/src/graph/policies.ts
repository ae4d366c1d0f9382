import { classifyError, type PolicyOptions } from '@nest-resilience/core';
import type { NodePolicies } from './draft.js';

/** Policy options of a node as the engine takes them. Files cannot hold functions: there `retryOn` and its kin are lists of words. */
export function policyOptions({ retry, circuitBreaker, timeout }: NodePolicies): NodePolicies {
  return {
    ...(retry !== undefined && {
      retry: typeof retry === 'number' ? { maxRetries: retry } : withMatchers(retry, ['retryOn', 'abortOn']),
    }),
    ...(circuitBreaker !== undefined && { circuitBreaker: withMatchers(circuitBreaker, ['recordOn', 'ignoreOn']) }),
    ...(timeout !== undefined && { timeout }),
  };
}

function withMatchers<T extends PolicyOptions['retry'] | PolicyOptions['circuitBreaker']>(
  options: T,
  names: readonly string[],
): T {
  if (typeof options !== 'object' || options === null) return options;
  const entries = Object.entries(options).map(([key, value]: [string, unknown]) => [
    key,
    names.includes(key) ? matcher(value) : value,
  ]);
  return Object.fromEntries(entries) as T;
}

/** `['rate_limit', 'transient', 'TypeError']`: matches the classifier's reason or kind, the error's name or code. */
function matcher(value: unknown): unknown {
  const words: unknown[] = Array.isArray(value) ? value : [value];
  if (!words.every((word) => typeof word === 'string')) return value;
  return (error: unknown): boolean => {
    const { kind, reason } = classifyError(error);
    const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
    return words.some((word) => word === reason || word === kind || word === name || word === code);
  };
}
