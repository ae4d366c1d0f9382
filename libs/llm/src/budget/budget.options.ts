import { type Duration, option, parseDuration } from '@nest-resilience/core';

const PERIODS = { hour: 3_600_000, day: 86_400_000 } as const;
const PER = "'day', 'hour', 'call', or a duration of a minute and more such as '30d'";

/** What a budget is for: each call, or a time in milliseconds. */
export type BudgetPeriod = 'call' | keyof typeof PERIODS | number;

/** Milliseconds; `undefined` for a call. */
export function periodMs(per: BudgetPeriod): number | undefined {
  if (typeof per === 'number') return per;
  return per === 'call' ? undefined : PERIODS[per];
}

export const BUDGET = option.options(
  {
    usd: option.required(option.number(undefined, { min: 0 }), 'US dollars, e.g. 25'),
    /**
     * `'day'`, `'hour'`, `'call'`, or a duration. Times begin at multiples of their length since 1970, so days and hours are those of UTC. `call`: of each call, with its retries, heals
     * and fallbacks. @default 'day'
     */
    per: option.custom<Duration, BudgetPeriod, 'day'>(readPeriod, {
      ...{ fallback: 'day', default: 'day', allowed: PER, types: ['string', 'number'] },
      schema: { type: ['string', 'number'], description: `One of ${PER}.` },
    }),
    /**
     * What a request comes to that would exceed it: an {@link LlmBudgetError}, an event alone, the beginning of the next period, or the next
     * target, which may cost less. @default 'fail'
     */
    then: option.oneOf('fail', ['fail', 'warn', 'wait', 'fallback']),
    /** With `wait`: how long a call waits in all; `timeout.total` and the signal hold as well. @default '1h' */
    maxWait: option.duration(3_600_000),
  },
  {
    check: ({ resolved: { per, then }, at }) => {
      if (per === 'call' && then === 'wait')
        at.at('then').refuse(then, "'fail', 'warn' or 'fallback': the budget of a call does not come back");
    },
  },
);

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
    { fallback: new Map(), schema: { type: 'object', additionalProperties: BUDGET.schema } },
  ),
};

function readPeriod(value: unknown, at: option.Place): BudgetPeriod | undefined {
  if (value === 'day' || value === 'hour' || value === 'call') return value;
  const ms = parseDuration(value);
  return ms !== undefined && ms >= 60_000 ? ms : at.refuse(value, PER);
}
