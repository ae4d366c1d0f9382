import { option } from '@nest-resilience/core';

const BUDGET = option.options({
  usd: option.required(option.number(undefined, { min: 0 }), 'US dollars, e.g. 25'),
  /** Days and hours are those of UTC. @default 'day' */
  per: option.oneOf('day', ['day', 'hour', 'call']),
  /** What a request comes to that would exceed it: an event, or an {@link LlmBudgetError}. @default 'fail' */
  then: option.oneOf('fail', ['warn', 'fail']),
});

/** What models may cost. */
export interface LlmBudgetOptions extends option.OptionsOf<typeof BUDGET.spec> {}

export type ResolvedBudget = option.OutOf<typeof BUDGET>;

/** Options of the module. */
export const BUDGETS = {
  /** Of all calls together. None by default. */
  budget: option.orNone(BUDGET),
  /** Of the calls of one `tenant`, beside `budget`; a tenant that is not here has no budget of its own. */
  budgets: option.custom<Readonly<Record<string, LlmBudgetOptions>>, ReadonlyMap<string, ResolvedBudget>>(
    (value, at) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return at.refuse(value, "budgets by tenant, e.g. { acme: { usd: 25, per: 'day' } }");
      const read = Object.entries(value).map(
        ([tenant, budget]) => [tenant, BUDGET.read(budget as LlmBudgetOptions, at.at(tenant))] as const,
      );
      return new Map(read.flatMap(([tenant, budget]) => (budget ? [[tenant, budget] as const] : [])));
    },
    { fallback: new Map() },
  ),
};
