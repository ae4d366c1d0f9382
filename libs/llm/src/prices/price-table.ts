import type { LlmCost } from './cost.options.js';

/** What some models of one price cost, when that was looked up and where. */
export interface PriceRow {
  readonly models: readonly string[];
  /** List prices of the vendor's own service, without discounts for batches and surcharges for very long texts. */
  readonly cost: LlmCost;
  /** ISO date of the source. */
  readonly date: string;
  readonly source: string;
}

const LITELLM = {
  date: '2026-07-24',
  source: 'github.com/BerriAI/litellm model_prices_and_context_window.json',
} as const;

/** Cached input and cache writes are told by the vendors of the models alone; where there is no price of them they are not sold. */
function row(models: string, input: number, output: number, cached?: number, write?: number): PriceRow {
  const cost = {
    ...{ inputPerMillion: input, outputPerMillion: output },
    ...(cached !== undefined && { cachedInputPerMillion: cached }),
    ...(write !== undefined && { cacheWritePerMillion: write }),
  };
  return { models: models.split(' '), cost, ...LITELLM };
}

/** A start, not an invoice: prices change. Yours go before it, see `prices` of the module. */
export const PRICE_TABLE: readonly PriceRow[] = [
  row('gpt-4o-2024-05-13', 5, 15),
  row('gpt-4o', 2.5, 10, 1.25),
  row('gpt-4o-mini', 0.15, 0.6, 0.075),
  row('gpt-4.1', 2, 8, 0.5),
  row('gpt-4.1-mini', 0.4, 1.6, 0.1),
  row('gpt-4.1-nano', 0.1, 0.4, 0.025),
  row('gpt-5 gpt-5-chat gpt-5.1 gpt-5.1-chat', 1.25, 10, 0.125),
  row('gpt-5-mini', 0.25, 2, 0.025),
  row('gpt-5-nano', 0.05, 0.4, 0.005),
  row('gpt-5-pro', 15, 120),
  row('gpt-5.2 gpt-5.2-chat gpt-5.3-chat', 1.75, 14, 0.175),
  row('gpt-5.2-pro', 21, 168),
  row('gpt-5.4', 2.5, 15, 0.25),
  row('gpt-5.4-mini', 0.75, 4.5, 0.075),
  row('gpt-5.4-nano', 0.2, 1.25, 0.02),
  row('gpt-5.4-pro gpt-5.5-pro', 30, 180, 3),
  row('gpt-5.5', 5, 30, 0.5),
  row('gpt-5.6 gpt-5.6-sol', 5, 30, 0.5, 6.25),
  row('gpt-5.6-terra', 2.5, 15, 0.25, 3.125),
  row('gpt-5.6-luna', 1, 6, 0.1, 1.25),
  row('o1', 15, 60, 7.5),
  row('o1-pro', 150, 600),
  row('o3', 2, 8, 0.5),
  row('o3-mini', 1.1, 4.4, 0.55),
  row('o3-pro', 20, 80),
  row('o4-mini', 1.1, 4.4, 0.275),
  row('claude-3-haiku', 0.25, 1.25, 0.03, 0.3),
  row('claude-3-opus claude-opus-4 claude-opus-4-0 claude-opus-4-1', 15, 75, 1.5, 18.75),
  row('claude-3-7-sonnet claude-sonnet-4 claude-sonnet-4-0 claude-sonnet-4-5 claude-sonnet-4-6', 3, 15, 0.3, 3.75),
  row('claude-haiku-4-5', 1, 5, 0.1, 1.25),
  row('claude-opus-4-5 claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 claude-opus-5', 5, 25, 0.5, 6.25),
  row('claude-sonnet-5', 2, 10, 0.2, 2.5),
  row('claude-fable-5 claude-mythos-5', 10, 50, 1, 12.5),
];

const BY_MODEL = new Map(PRICE_TABLE.flatMap(({ models, cost }) => models.map((model) => [model, cost] as const)));
/** `gpt-4o-2024-08-06` and `claude-haiku-4-5-20251001` are what their names begin with. */
const SNAPSHOT = /-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/;

/** The price that the table has for a model, `undefined` when it has none. */
export function listPriceOf(model: string): LlmCost | undefined {
  return BY_MODEL.get(model) ?? BY_MODEL.get(model.replace(SNAPSHOT, ''));
}
