import { neverShow, neverShowPasswordOf, option } from '@nest-resilience/core';
import {
  DEFAULT_LLM_OPTIONS,
  type LLM_MODULE,
  type LlmProviderKind,
  type LlmProviderOptions,
  PROVIDER,
} from '../llm.options.js';
import { layTimeouts, mergeCircuitBreaker, mergeRetry } from './merge-policies.js';
import { priceOf } from '../prices/price-of.js';
import type { ResolvedTarget } from './resolved-options.js';

/** Where the key of a kind is looked for when the options hold none. */
const API_KEY_VARIABLES: Partial<Readonly<Record<LlmProviderKind, string>>> = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
};

export interface ProviderSurroundings {
  readonly module: Omit<option.OutOf<typeof LLM_MODULE>, 'providers' | 'heals' | 'health' | 'cache' | 'guards'>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads one provider and makes a target of each of its models. */
export function readProvider(
  options: LlmProviderOptions,
  index: number,
  parent: option.Place,
  { module, env }: ProviderSurroundings,
): ResolvedTarget[] {
  const at = parent.at(option.isText(options?.name) ? options.name : `providers[${index}]`);
  const read = PROVIDER.read(options, at);
  if (!read) return [];
  const { model, cost, quality, contextWindow, models, timeout, ...provider } = read;
  neverShowPasswordOf(provider.baseURL);
  const target = {
    ...provider,
    apiKey: provider.apiKey ?? keyOf(options, provider.kind, env, at),
    priority: provider.priority ?? (provider.kind === 'offline' ? Infinity : 0),
    timeouts: layTimeouts(module.timeout, timeout),
    retry: mergeRetry(module.retry, provider.retry),
    circuitBreaker: mergeCircuitBreaker(module.circuitBreaker, provider.circuitBreaker),
    maxAnswerBytes: provider.maxAnswerBytes ?? module.maxAnswerBytes ?? DEFAULT_LLM_OPTIONS.maxAnswerBytes,
  };
  neverShow(target.apiKey);
  return [{ model, cost, quality, contextWindow }, ...models].map((facts) => ({
    ...target,
    ...facts,
    cost: option.isText(facts.model)
      ? priceOf({ name: target.name, kind: target.kind, ...facts }, module.prices)
      : undefined,
  }));
}

/** The key in the environment, where none was given. */
function keyOf(
  { apiKey }: LlmProviderOptions,
  kind: LlmProviderKind,
  env: ProviderSurroundings['env'],
  at: option.Place,
): string | undefined {
  const variable = API_KEY_VARIABLES[kind];
  if (variable === undefined || apiKey !== undefined) return undefined;
  const allowed = `a key (required for kind '${kind}'); give it or set the environment variable ${variable}`;
  return env[variable] || at.at('apiKey').refuse(undefined, allowed);
}
