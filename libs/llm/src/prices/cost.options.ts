import { option } from '@nest-resilience/core';

const price = option.required(option.number(undefined, { min: 0 }), 'US dollars per million tokens');
const furtherPrice = option.number(undefined, { min: 0 });
export const COST = option.options({
  inputPerMillion: price,
  outputPerMillion: price,
  /** Of input that the provider had in its cache. @default `inputPerMillion` */
  cachedInputPerMillion: furtherPrice,
  /** Of input that it put there. @default `inputPerMillion` */
  cacheWritePerMillion: furtherPrice,
  /** Of thoughts. @default `outputPerMillion` */
  reasoningPerMillion: furtherPrice,
});

/** US dollars per million tokens. */
export interface LlmCost extends option.OptionsOf<typeof COST.spec> {}

export function readPrices(value: unknown, at: option.Place): Readonly<Record<string, LlmCost>> | false | undefined {
  if (value === false) return false;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return at.refuse(
      value,
      "false, or prices by model, e.g. { 'my-model': { inputPerMillion: 1, outputPerMillion: 2 } }",
    );
  return Object.fromEntries(
    Object.entries(value).flatMap(([model, cost]) => {
      const read = COST.read(cost as LlmCost, at.at(model));
      return read ? [[model, read] as const] : [];
    }),
  );
}
