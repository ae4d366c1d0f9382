import type { LlmCost } from './cost.options.js';
import type { LlmProviderKind } from '../options/provider.options.js';
import { listPriceOf } from './price-table.js';

/** By `provider:model` or model; a `*` at the end stands for any rest. */
export type LlmPrices = Readonly<Record<string, LlmCost>>;

/** The table has the prices of the vendors themselves; the same name at a gateway may cost something else. */
const LISTED: readonly LlmProviderKind[] = ['openai', 'anthropic'];

/**
 * What a target costs: its own `cost`, else the price that is given for it, the longest name first, else the list price.
 * @returns `undefined` when nobody knows
 */
export function priceOf(
  target: { readonly name: string; readonly kind: LlmProviderKind; readonly model: string; readonly cost?: LlmCost },
  prices: LlmPrices | false | undefined,
): LlmCost | undefined {
  const { name, kind, model, cost } = target;
  if (cost) return cost;
  if (prices === false) return undefined;
  return given(prices ?? {}, `${name}:${model}`, model) ?? (LISTED.includes(kind) ? listPriceOf(model) : undefined);
}

function given(prices: LlmPrices, ...names: readonly string[]): LlmCost | undefined {
  const matches = Object.keys(prices).filter((key) =>
    names.some((name) => (key.endsWith('*') ? name.startsWith(key.slice(0, -1)) : name === key)),
  );
  const [nearest] = matches.sort((a, b) => b.length - a.length);
  return nearest === undefined ? undefined : prices[nearest];
}
