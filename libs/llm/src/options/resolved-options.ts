import type { CircuitBreakerOptions, RetryOptions } from '@nest-resilience/core';
import type { LlmCost, LlmLimits, LlmProviderKind, LlmProviderOptions } from '../llm.options.js';

/** Milliseconds. */
export interface ResolvedTimeouts {
  readonly each: number;
  readonly growth: number;
  readonly max: number | undefined;
  readonly total: number | undefined;
  readonly firstToken: number;
  readonly idle: number;
}

/** One model of one provider with everything it needs: defaults applied, checked. */
export interface ResolvedTarget {
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  readonly baseURL?: string;
  readonly apiKey?: string;
  readonly structuredOutput: NonNullable<LlmProviderOptions['structuredOutput']>;
  readonly cost?: LlmCost;
  readonly quality?: number;
  readonly contextWindow?: number;
  readonly limits?: LlmLimits;
  readonly priority: number;
  readonly timeouts: ResolvedTimeouts;
  readonly retry: RetryOptions | false;
  readonly circuitBreaker: CircuitBreakerOptions;
  readonly maxAnswerBytes: number;
}

export interface ResolvedHealth {
  readonly enabled: boolean;
  readonly intervalMs: number;
  readonly jitter: number;
  readonly timeoutMs: number;
  readonly critical: boolean;
  /** US dollars. */
  readonly maxCostPerDay: number;
}

export interface ResolvedLlmOptions {
  /** In the order in which they are asked. */
  readonly targets: readonly ResolvedTarget[];
  readonly heals: number;
  readonly health: ResolvedHealth;
}

/** The circuit of a target, and its name in messages. */
export function circuitNameOf({ name, model }: { readonly name: string; readonly model: string }): string {
  return `llm:${name}:${model}`;
}
