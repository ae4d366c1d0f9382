import { option } from '@nest-resilience/core';
import { LLM_MODULE, type LlmModuleOptions } from '../llm.options.js';
import { readProvider } from './read-provider.js';
import type { ResolvedLlmOptions } from './resolved-options.js';

/**
 * Applies the defaults and puts the targets in the order in which they are asked.
 * @throws ResilienceOptionsError with every option that cannot work
 */
export function readLlmOptions(
  options: LlmModuleOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedLlmOptions {
  const at = new option.Place('LlmModule');
  const {
    providers = [],
    heals,
    health,
    cache,
    guards,
    ...module
  } = LLM_MODULE.read(options, at) ?? LLM_MODULE.fallback;
  const targets = providers.flatMap((provider, index) => readProvider(provider, index, at, { module, env }));
  at.finish();
  // The sort is stable: equal priorities keep their written order.
  return { targets: targets.sort(byPriority), heals, health, cache, guards };
}

function byPriority(a: { readonly priority: number }, b: { readonly priority: number }): number {
  return a.priority === b.priority ? 0 : a.priority - b.priority;
}
