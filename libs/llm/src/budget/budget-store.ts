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

/** Sums of one budget in this process, of the last two periods. */
export class LocalSums {
  private readonly periods = new Map<string, number>();

  add(key: string, usd: number): number {
    const sum = (this.periods.get(key) ?? 0) + usd;
    this.periods.set(key, sum);
    const [oldest] = this.periods.keys();
    if (this.periods.size > 2 && oldest !== undefined) this.periods.delete(oldest);
    return sum;
  }
}
