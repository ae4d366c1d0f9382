import type { CircuitBreakerOptions, option, RetryOptions } from '@nest-resilience/core';
import type { LlmBalance } from '../chain/balance.js';
import type { CooldownPeriods } from '../chain/cooldown.js';
import type { FallThroughRules } from '../chain/reason.js';
import type { LLM_MODULE } from '../llm.options.js';
import type { LlmCost } from '../prices/cost.options.js';
import type { LlmProviderKind, PROVIDER } from './provider.options.js';
import type { LlmSdkEmbeddingModel, LlmSdkModel } from './model.options.js';

/** Milliseconds. */
export interface ResolvedTimeouts {
  readonly each: number;
  readonly growth: number;
  readonly max: number | undefined;
  readonly total: number | undefined;
  readonly firstToken: number;
  readonly idle: number;
  readonly firstText: number | undefined;
}

type Provider = option.OutOf<typeof PROVIDER>;
type ModelFact = 'cost' | 'quality' | 'contextWindow';

/** One model of one provider with everything it needs: defaults applied, checked. */
export interface ResolvedTarget
  extends
    Omit<Provider, ModelFact | 'kind' | 'model' | 'models' | 'timeout' | 'cooldown' | 'apiKey'>,
    Partial<Pick<Provider, Exclude<ModelFact, 'cost'>>>,
    FallThroughRules {
  readonly kind: LlmProviderKind;
  /** Its name. */
  readonly model: string;
  /** The model itself, where it was handed in. */
  readonly sdkModel?: LlmSdkModel;
  /** Its own, or what the prices say of its model. */
  readonly cost?: LlmCost | undefined;
  /** The first one. */
  readonly apiKey: string | undefined;
  readonly apiKeys: readonly string[];
  readonly priority: number;
  readonly timeouts: ResolvedTimeouts;
  readonly retry: RetryOptions | false;
  readonly circuitBreaker: CircuitBreakerOptions;
  readonly cooldown: CooldownPeriods;
  readonly maxAnswerBytes: number;
}

/** One model that makes vectors, in the chain's eyes a target like any other. */
export interface ResolvedEmbedding extends ResolvedTarget {
  readonly dimensions: number | undefined;
  readonly sdkEmbedding?: LlmSdkEmbeddingModel;
}

export interface ResolvedLlmOptions {
  /** In the order in which they are asked. */
  readonly targets: readonly ResolvedTarget[];
  readonly embeddings: readonly ResolvedEmbedding[];
  readonly balance: LlmBalance;
  readonly budget: option.OutOf<typeof LLM_MODULE>['budget'];
  readonly budgets: option.OutOf<typeof LLM_MODULE>['budgets'];
  readonly hedge: option.OutOf<typeof LLM_MODULE>['hedge'];
  readonly heals: number;
  readonly health: option.OutOf<typeof LLM_MODULE>['health'];
  readonly cache: option.OutOf<typeof LLM_MODULE>['cache'];
  readonly guards: option.OutOf<typeof LLM_MODULE>['guards'];
  readonly endpoint: option.OutOf<typeof LLM_MODULE>['endpoint'];
}

/** The circuit of a target, and its name in messages. */
export function circuitNameOf({ name, model }: { readonly name: string; readonly model: string }): string {
  return `llm:${name}:${model}`;
}
