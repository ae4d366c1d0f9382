/**
 * Where the sums of budgets are kept. In this process by default: each replica counts for itself. Provide one under
 * {@link LLM_BUDGET_STORE}; while it fails, this process counts alone.
 */
export interface LlmBudgetStore {
  /**
   * Adds to a sum, at once for all who count there, e.g. `INCRBYFLOAT` and `PEXPIRE` of Redis.
   * @param key of one budget in one day or hour
   * @param usd may be negative: what was booked and not spent
   * @param ttlMs how long the sum is needed
   * @returns the sum
   */
  add(key: string, usd: number, ttlMs: number): number | Promise<number>;
}

/** Injection token of {@link LlmBudgetStore}. */
export const LLM_BUDGET_STORE = Symbol.for('nest-resilience:llm-budget-store');

/** Sums of this process; of each budget the last two periods. */
export class LocalSums {
  private readonly sums = new Map<string, Map<string, number>>();

  add(budget: string, key: string, usd: number): number {
    const periods = this.sums.get(budget) ?? new Map<string, number>();
    this.sums.set(budget, periods);
    const sum = (periods.get(key) ?? 0) + usd;
    periods.set(key, sum);
    const [oldest] = periods.keys();
    if (periods.size > 2 && oldest !== undefined) periods.delete(oldest);
    return sum;
  }
}
