import { join } from 'node:path';

import type { DeadLetterStore } from '@nest-resilience/core';
import {
  mysqlExecutionStore,
  mysqlStore,
  postgresExecutionStore,
  postgresStore,
  sqliteExecutionStore,
  sqliteStore,
} from '@nest-resilience/store-sql';
import type { ExecutionStore } from '@nest-resilience/workflow';

import type { Configuration } from './configuration/configuration.js';

export interface Stores {
  readonly deadLetters: DeadLetterStore;
  readonly executions: ExecutionStore;
}

/** Where the service keeps what must not be lost: the server of `DATABASE_URL`, else a file of its own. */
export function storesOf({ DATABASE_URL: url, DATA_DIR }: Configuration): Stores {
  if (url === undefined) {
    const file = join(DATA_DIR, 'nest-resilience.db');
    return { deadLetters: sqliteStore({ file }), executions: sqliteExecutionStore({ file }) };
  }
  if (url.startsWith('postgres'))
    return { deadLetters: postgresStore({ url }), executions: postgresExecutionStore({ url }) };
  const mysql = url.replace(/^mariadb:/, 'mysql:');
  return { deadLetters: mysqlStore({ url: mysql }), executions: mysqlExecutionStore({ url: mysql }) };
}
