import { neverShow, neverShowPasswordOf, option } from '@nest-resilience/core';
import { DEFAULT_LLM_OPTIONS, type LLM_MODULE } from '../llm.options.js';
import {
  EMBEDDING,
  type LlmEmbeddingOptions,
  type LlmProviderKind,
  type LlmProviderOptions,
  PROVIDER,
} from './provider.options.js';
import { modelName } from './model.options.js';
import { layTimeouts, mergeCircuitBreaker, mergeRetry } from './merge-policies.js';
import { priceOf } from '../prices/price-of.js';
import type { ResolvedEmbedding, ResolvedTarget } from './resolved-options.js';

/** Where the key of a kind is looked for when the options hold none. */
const API_KEY_VARIABLES: Partial<Readonly<Record<LlmProviderKind, string>>> = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
};

export interface ProviderSurroundings {
  readonly module: Omit<
    option.OutOf<typeof LLM_MODULE>,
    | 'providers'
    | 'embeddings'
    | 'balance'
    | 'budget'
    | 'budgets'
    | 'hedge'
    | 'heals'
    | 'health'
    | 'cache'
    | 'guards'
    | 'endpoint'
  >;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads one provider and makes a target of each of its models. */
export function readProvider(
  options: LlmProviderOptions,
  index: number,
  parent: option.Place,
  surroundings: ProviderSurroundings,
): ResolvedTarget[] {
  const at = placeOf(options, `providers[${index}]`, parent);
  const read = PROVIDER.read(options, at);
  if (!read) return [];
  const { model, cost, quality, contextWindow, models, structuredOutput, prefill, ...provider } = read;
  const target = { ...readAccess(options, provider, at, surroundings), structuredOutput, prefill };
  return [{ model, cost, quality, contextWindow }, ...models].map(({ model: one, ...facts }) => ({
    ...target,
    ...facts,
    model: modelName(one),
    cost: priceOf(
      { name: target.name, kind: target.kind, ...facts, model: modelName(one) },
      surroundings.module.prices,
    ),
    ...(typeof one !== 'string' && { sdkModel: one }),
  }));
}

/** As {@link readProvider}, of one that makes vectors. */
export function readEmbedding(
  options: LlmEmbeddingOptions,
  index: number,
  parent: option.Place,
  surroundings: ProviderSurroundings,
): ResolvedEmbedding[] {
  const at = placeOf(options, `embeddings[${index}]`, parent);
  const read = EMBEDDING.read(options, at);
  if (!read) return [];
  const { model, cost, dimensions, ...provider } = read;
  const { structuredOutput, prefill } = PROVIDER.fallback;
  const target = { ...readAccess(options, provider, at, surroundings), structuredOutput, prefill, cost, dimensions };
  return [{ ...target, model: modelName(model), ...(typeof model !== 'string' && { sdkEmbedding: model }) }];
}

function placeOf(
  options: { readonly name?: unknown } | undefined,
  otherwise: string,
  parent: option.Place,
): option.Place {
  return parent.at(option.isText(options?.name) ? options.name : otherwise);
}

type Access = Omit<option.OutOf<typeof EMBEDDING>, 'model' | 'cost' | 'dimensions' | 'kind'> & {
  readonly kind: LlmProviderKind | undefined;
};

function readAccess(
  options: { readonly apiKey?: unknown },
  { timeout, cooldown, kind = 'ai-sdk', ...provider }: Access,
  at: option.Place,
  { module, env }: ProviderSurroundings,
) {
  neverShowPasswordOf(provider.baseURL);
  const apiKeys = provider.apiKey ?? keysOf(options, kind, env, at);
  for (const key of apiKeys) neverShow(key);
  return {
    ...provider,
    kind,
    apiKey: apiKeys[0],
    apiKeys,
    priority: provider.priority ?? (kind === 'offline' ? Infinity : 0),
    timeouts: layTimeouts(module.timeout, timeout),
    retry: mergeRetry(module.retry, provider.retry),
    circuitBreaker: mergeCircuitBreaker(module.circuitBreaker, provider.circuitBreaker),
    cooldown: { ...DEFAULT_LLM_OPTIONS.cooldown, ...given(module.cooldown), ...given(cooldown) },
    onContentPolicy: module.onContentPolicy,
    fallThrough: module.fallThrough,
    maxAnswerBytes: provider.maxAnswerBytes ?? module.maxAnswerBytes ?? DEFAULT_LLM_OPTIONS.maxAnswerBytes,
  };
}

function given<T extends object>(layer: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(layer ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** The key in the environment, where none was given. */
function keysOf(
  { apiKey }: { readonly apiKey?: unknown },
  kind: LlmProviderKind,
  env: ProviderSurroundings['env'],
  at: option.Place,
): readonly string[] {
  const variable = API_KEY_VARIABLES[kind];
  if (variable === undefined || apiKey !== undefined) return [];
  const allowed = `a key (required for kind '${kind}'); give it or set the environment variable ${variable}`;
  const key = env[variable] || at.at('apiKey').refuse(undefined, allowed);
  return key ? [key] : [];
}
