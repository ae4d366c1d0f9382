import { join } from 'node:path';

import type { DeadLetterStore } from '@nest-resilience/core';
import {
  type BudgetStore,
  mysqlBudgetStore,
  mysqlExecutionStore,
  mysqlStore,
  postgresBudgetStore,
  postgresExecutionStore,
  postgresStore,
  sqliteBudgetStore,
  sqliteExecutionStore,
  sqliteStore,
} from '@nest-resilience/store-sql';
import type { ExecutionStore } from '@nest-resilience/workflow';

import type { Configuration } from './configuration/configuration.js';

export interface Stores {
  readonly deadLetters: DeadLetterStore;
  readonly executions: ExecutionStore;
  readonly budgets: BudgetStore;
}

/** Where the service keeps what must not be lost: the server of `DATABASE_URL`, else a file of its own. */
export function storesOf({ DATABASE_URL: url, DATA_DIR }: Configuration): Stores {
  if (url === undefined) {
    const at = { file: join(DATA_DIR, 'nest-resilience.db') };
    return { deadLetters: sqliteStore(at), executions: sqliteExecutionStore(at), budgets: sqliteBudgetStore(at) };
  }
  if (url.startsWith('postgres')) {
    const at = { url };
    return { deadLetters: postgresStore(at), executions: postgresExecutionStore(at), budgets: postgresBudgetStore(at) };
  }
  const at = { url: url.replace(/^mariadb:/, 'mysql:') };
  return { deadLetters: mysqlStore(at), executions: mysqlExecutionStore(at), budgets: mysqlBudgetStore(at) };
}
