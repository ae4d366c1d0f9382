import { createTable, type Migration } from '../database/migrations.js';

export const SUMS = 'resilience_budget_sums';

/** What was spent of one budget in one of its periods. */
export interface SumRow {
  name: string;
  usd: number;
  /** Epoch milliseconds from which nobody asks for it. */
  kept_until: number;
}

export interface BudgetSchema {
  [SUMS]: SumRow;
}

export const BUDGET_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: (flavour) =>
      createTable(flavour, {
        name: SUMS,
        columns: ({ key, double, time }) => [
          `name ${key} primary key not null`,
          `usd ${double} not null`,
          `kept_until ${time} not null`,
        ],
        indexes: [{ name: 'resilience_budget_sums_kept', columns: ['kept_until'] }],
      }),
  },
];
