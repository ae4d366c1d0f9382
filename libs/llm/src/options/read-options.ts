import { option } from '@nest-resilience/core';
import type { ResolvedBudget } from '../budget/budget.options.js';
import type { ResolvedEndpoint } from '../endpoint/endpoint.options.js';
import { LLM_MODULE, type LlmModuleOptions } from '../llm.options.js';
import { readEmbedding, readProvider } from './read-provider.js';
import type { ResolvedEmbedding, ResolvedLlmOptions } from './resolved-options.js';

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
    embeddings,
    balance,
    budget,
    budgets,
    hedge,
    heals,
    health,
    cache,
    guards,
    endpoint,
    ...module
  } = LLM_MODULE.read(options, at) ?? LLM_MODULE.fallback;
  const targets = providers.flatMap((provider, index) => readProvider(provider, index, at, { module, env }));
  const vectors = embeddings.flatMap((one, index) => readEmbedding(one, index, at, { module, env }));
  checkDimensions(vectors, at);
  const held = withTeams(budgets, endpoint, at);
  at.finish();
  // The sort is stable: equal priorities keep their written order.
  const resolved = { balance, budget, budgets: held, hedge, heals, health, cache, guards, endpoint };
  return { targets: targets.sort(byPriority), embeddings: vectors.sort(byPriority), ...resolved };
}

/** A team of the endpoint is the tenant of its name, at every door. */
function withTeams(
  budgets: ReadonlyMap<string, ResolvedBudget>,
  endpoint: ResolvedEndpoint | undefined,
  at: option.Place,
): ReadonlyMap<string, ResolvedBudget> {
  const all = new Map(budgets);
  for (const [team, { budget }] of endpoint?.keys ?? []) {
    if (budget === undefined) continue;
    const place = at.at('endpoint').at('keys').at(team).at('budget');
    if (all.has(team)) place.refuse(budget.usd, `nothing: budgets > ${team} is the budget of this team already`);
    all.set(team, budget);
  }
  return all;
}

/** Vectors of other lengths cannot be compared, so none may stand in for them; nor may one target be there twice. */
function checkDimensions(all: readonly ResolvedEmbedding[], at: option.Place): void {
  const first = all.find(({ dimensions }) => dimensions !== undefined);
  for (const [index, { name, model, dimensions = first?.dimensions }] of all.entries()) {
    const place = at.at('embeddings').item(index);
    if (dimensions !== first?.dimensions)
      place.at('dimensions').refuse(dimensions, `${first?.dimensions}, as ${first?.name}:${first?.model} has`);
    if (all.findIndex((other) => other.name === name && other.model === model) !== index)
      place.at('model').refuse(`${name}:${model}`, 'each model of a provider once');
  }
}

function byPriority(a: { readonly priority: number }, b: { readonly priority: number }): number {
  return a.priority === b.priority ? 0 : a.priority - b.priority;
}
