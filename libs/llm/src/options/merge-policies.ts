import type { CircuitBreakerOptions, RetryOptions } from '@nest-resilience/core';
import { DEFAULT_LLM_OPTIONS } from '../llm.options.js';
import type { LlmPolicyOptions } from './policies.options.js';
import type { ResolvedTimeouts } from './resolved-options.js';

type TimeoutLayer = { readonly [K in keyof ResolvedTimeouts]: number | undefined };

/** The later one wins, option by option. */
export function layTimeouts(...layers: readonly (TimeoutLayer | undefined)[]): ResolvedTimeouts {
  const { each, ...rest } = DEFAULT_LLM_OPTIONS.timeout;
  return layers.reduce<ResolvedTimeouts>(
    (below, layer = {} as TimeoutLayer) => {
      const given = Object.fromEntries(Object.entries(layer).filter(([, ms]) => ms !== undefined));
      // Whoever sets `each` means it for the first token too, unless said otherwise.
      return { ...below, ...(layer.each !== undefined && { firstToken: layer.each }), ...given };
    },
    { each, ...rest, firstToken: each, max: undefined, total: undefined, firstText: undefined },
  );
}

/** The later one wins, option by option; `false` switches retries off, an object after it switches them on again. */
export function mergeRetry(...layers: readonly LlmPolicyOptions['retry'][]): RetryOptions | false {
  const base: RetryOptions = { ...DEFAULT_LLM_OPTIONS.retry };
  return layers.reduce<RetryOptions | false>((merged, layer) => {
    if (layer === undefined) return merged;
    return layer === false ? false : { ...(merged === false ? base : merged), ...layer };
  }, base);
}

/** As {@link mergeRetry}; a layer that chooses another kind of window drops the options of the old kind. */
export function mergeCircuitBreaker(...layers: readonly LlmPolicyOptions['circuitBreaker'][]): CircuitBreakerOptions {
  return layers.reduce<CircuitBreakerOptions>(
    (merged, layer) => {
      if (layer === undefined) return merged;
      if (!isConsecutive(layer)) return { ...merged, ...layer };
      const { window: _window, minimumCalls: _minimumCalls, failureRate: _failureRate, ...kept } = merged;
      return { ...kept, ...layer };
    },
    { ...DEFAULT_LLM_OPTIONS.circuitBreaker },
  );
}

/** As core reads it: a `failureThreshold` alone asks for failures in a row. */
function isConsecutive({ window, failureThreshold }: CircuitBreakerOptions): boolean {
  if (window === undefined) return failureThreshold !== undefined;
  return window === 'consecutive' || (typeof window === 'object' && window.type === 'consecutive');
}
