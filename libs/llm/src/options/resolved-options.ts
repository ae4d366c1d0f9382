import type { CircuitBreakerOptions, option, RetryOptions } from '@nest-resilience/core';
import type { LLM_MODULE, LlmCost, PROVIDER } from '../llm.options.js';

/** Milliseconds. */
export interface ResolvedTimeouts {
  readonly each: number;
  readonly growth: number;
  readonly max: number | undefined;
  readonly total: number | undefined;
  readonly firstToken: number;
  readonly idle: number;
}

type Provider = option.OutOf<typeof PROVIDER>;
type ModelFact = 'cost' | 'quality' | 'contextWindow';

/** One model of one provider with everything it needs: defaults applied, checked. */
export interface ResolvedTarget
  extends Omit<Provider, ModelFact | 'models' | 'timeout'>, Partial<Pick<Provider, Exclude<ModelFact, 'cost'>>> {
  /** Its own, or what the prices say of its model. */
  readonly cost?: LlmCost | undefined;
  readonly priority: number;
  readonly timeouts: ResolvedTimeouts;
  readonly retry: RetryOptions | false;
  readonly circuitBreaker: CircuitBreakerOptions;
  readonly maxAnswerBytes: number;
}

export interface ResolvedLlmOptions {
  /** In the order in which they are asked. */
  readonly targets: readonly ResolvedTarget[];
  readonly heals: number;
  readonly health: option.OutOf<typeof LLM_MODULE>['health'];
  readonly cache: option.OutOf<typeof LLM_MODULE>['cache'];
  readonly guards: option.OutOf<typeof LLM_MODULE>['guards'];
}

/** The circuit of a target, and its name in messages. */
export function circuitNameOf({ name, model }: { readonly name: string; readonly model: string }): string {
  return `llm:${name}:${model}`;
}
