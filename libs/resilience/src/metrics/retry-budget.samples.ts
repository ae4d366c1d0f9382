import type { Sample } from './scraped-metric.js';

/** What is read of a retry budget. */
export interface RetryBudgetStats {
  /** The policy whose budget it is. */
  readonly name: string;
  readonly active: number;
  readonly retrying: number;
  readonly limit: number;
}

/** One figure of each budget. */
export function* retryBudgetSamples(
  budgets: Iterable<RetryBudgetStats>,
  figure: 'active' | 'retrying' | 'limit',
): Generator<Sample> {
  for (const budget of budgets) yield { labels: { policy: budget.name }, value: budget[figure] };
}
