import type { Clock } from '@nest-resilience/core';
import { within } from '@nest-resilience/core/kit';
import { costOf } from '../chain/cost.js';
import { LlmBudgetError } from '../llm.errors.js';
import type { LlmBudgetEvent } from '../llm.events.js';
import type { LlmCost } from '../prices/cost.options.js';
import type { LlmUsage } from '../llm.result.js';
import { type BudgetPeriod, periodMs, type ResolvedBudget } from './budget.options.js';
import { type LlmBudgetStore, LocalSums } from './budget-store.js';

/** Milliseconds. A store that takes longer is as good as none. */
const STORE_TIMEOUT_MS = 1_000;
/** Sums of decimal fractions are off by less than this. */
const ROUNDING_USD = 1e-9;

export interface BudgetsOptions {
  readonly budget: ResolvedBudget | undefined;
  readonly budgets: ReadonlyMap<string, ResolvedBudget>;
  readonly clock: Clock;
  readonly store: LlmBudgetStore | undefined;
  /** What this process has spent, by tenant; a change of options begins none anew. */
  readonly sums?: Map<string | undefined, LocalSums>;
  readonly tell: (event: LlmBudgetEvent) => void;
}

/** Books what a request is expected to cost. @returns to be called with what it did cost; the expected sum stays where nobody knows */
export type Book = (target: BudgetedTarget) => Promise<(usd: number | undefined) => void>;

interface BudgetedTarget {
  readonly options: { readonly name: string; readonly model: string; readonly cost?: LlmCost | undefined };
  readonly provider: { readonly kind: string };
}

/** One budget, and what was spent of it in the period that runs. */
class Budget {
  private readonly local: LocalSums;
  private readonly told = new Set<string>();
  spent = { key: '', usd: 0 };

  constructor(
    readonly tenant: string | undefined,
    readonly options: ResolvedBudget,
    private readonly surroundings: BudgetsOptions,
  ) {
    this.local = surroundings.sums?.get(tenant) ?? new LocalSums();
    surroundings.sums?.set(tenant, this.local);
  }

  /** Of the period that runs; a call's sum is its own. */
  key(): string {
    const { per } = this.options;
    const ms = periodMs(per);
    if (ms === undefined) return 'call';
    const period = Math.floor(this.surroundings.clock.epochNow() / ms);
    return `llm-budget:${JSON.stringify(this.tenant ?? null)}:${per}:${period}`;
  }

  async add(key: string, usd: number): Promise<number> {
    const { clock, store } = this.surroundings;
    const ms = periodMs(this.options.per);
    const alone = this.local.add(key, usd);
    if (store === undefined || ms === undefined) return this.note(key, alone);
    try {
      const asked = Promise.resolve(store.add(key, usd, 2 * ms));
      const sum = await within(clock, STORE_TIMEOUT_MS, asked, () => {
        throw new Error(`the store of budgets took longer than ${STORE_TIMEOUT_MS} ms`);
      });
      return this.note(key, sum);
    } catch {
      return this.note(key, alone);
    }
  }

  /** @throws LlmBudgetError when it would be exceeded, and that is not to be */
  refuse(key: string, sum: number): void {
    const { usd, per, then } = this.options;
    if (sum <= usd + ROUNDING_USD) return;
    this.tell(key, 'exceeded', { spentUsd: sum });
    if (then === 'warn') return;
    throw new LlmBudgetError(this.tenant, this.options, leftOf(per, this.surroundings.clock));
  }

  /** Once in a period. */
  tell(key: string, state: LlmBudgetEvent['state'], more: Partial<LlmBudgetEvent>): void {
    const { usd, per, then } = this.options;
    const place = `${state} ${key} ${more.provider}:${more.model}`;
    if (per !== 'call' && this.told.has(place)) return;
    if (this.told.size > 1000) this.told.clear();
    this.told.add(place);
    const { tenant } = this;
    this.surroundings.tell({ ...(tenant !== undefined && { tenant }), usd, per, then, state, ...more });
  }

  private note(key: string, usd: number): number {
    this.spent = { key, usd };
    return usd;
  }
}

/** Until the next period. */
function leftOf(per: BudgetPeriod, clock: Clock): number | undefined {
  const ms = periodMs(per);
  return ms && ms - (clock.epochNow() % ms);
}

/** Holds calls within what they may cost: booked by an estimate before each request, settled with what it did cost. */
export class Budgets {
  private readonly all: Budget | undefined;
  private readonly byTenant: ReadonlyMap<string, Budget>;

  constructor(surroundings: BudgetsOptions) {
    const { budget, budgets } = surroundings;
    this.all = budget && new Budget(undefined, budget, surroundings);
    this.byTenant = new Map([...budgets].map(([tenant, one]) => [tenant, new Budget(tenant, one, surroundings)]));
  }

  /** For the calls of a tenant; `undefined` where nothing holds them. */
  of(tenant: string | undefined): ((expected: LlmUsage) => Book) | undefined {
    const own = tenant === undefined ? undefined : this.byTenant.get(tenant);
    const budgets = [this.all, own].filter((budget) => budget !== undefined);
    return budgets.length === 0 ? undefined : (expected) => bookFor(budgets, expected);
  }

  /** Of days and hours: what was spent, and what may be. */
  view(): readonly { readonly budget: string; readonly usd: number; readonly spentUsd: number }[] {
    return [this.all, ...this.byTenant.values()].flatMap((one) => {
      if (one === undefined || one.options.per === 'call') return [];
      const { key, usd: spentUsd } = one.spent;
      return [{ budget: one.tenant ?? '', usd: one.options.usd, spentUsd: key === one.key() ? spentUsd : 0 }];
    });
  }
}

/** For one call. */
function bookFor(budgets: readonly Budget[], expected: LlmUsage): Book {
  const ofCall = new Map<Budget, number>();
  const add = async (budget: Budget, key: string, usd: number): Promise<number> => {
    if (budget.options.per !== 'call') return budget.add(key, usd);
    const sum = (ofCall.get(budget) ?? 0) + usd;
    ofCall.set(budget, sum);
    return sum;
  };
  return async ({ options: { name: provider, model, cost }, provider: { kind } }) => {
    const usd = costOf(expected, cost) ?? 0;
    const booked: { readonly budget: Budget; readonly key: string }[] = [];
    const correct = (by: number) => {
      if (by !== 0) for (const { budget, key } of booked) void add(budget, key, by);
    };
    for (const budget of budgets) {
      const key = budget.key();
      if (cost === undefined && kind !== 'offline') budget.tell(key, 'unpriced', { provider, model });
      if (usd === 0) continue;
      const sum = await add(budget, key, usd);
      booked.push({ budget, key });
      try {
        budget.refuse(key, sum);
      } catch (error) {
        correct(-usd);
        throw error;
      }
    }
    return (spentUsd = usd) => correct(spentUsd - usd);
  };
}
