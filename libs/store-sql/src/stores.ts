import type { DeadLetterStore } from '@nest-resilience/core';
// Stands in the declarations as well: there the optional package may be missing, and then this type is `any` and no error.
// eslint-disable-next-line @typescript-eslint/ban-ts-comment
/** @ts-ignore -- an optional peer */
import type { ExecutionStore } from '@nest-resilience/workflow';
import { type BudgetStore, SqlBudgetStore } from './budgets/sql-budget.store.js';
import { SqlDeadLetterStore } from './dead-letter/sql-dead-letter.store.js';
import { SqlExecutionStore } from './executions/sql-execution.store.js';
import { type MysqlOptions, mysqlSource } from './mysql/mysql.connection.js';
import { type PostgresOptions, postgresSource } from './postgres/postgres.connection.js';
import { type SqliteOptions, sqliteSource } from './sqlite/sqlite.connection.js';

/**
 * Dead letters in an SQLite file: no server, on disk when a promise resolves, shared safely by processes of one machine.
 * ```ts
 * ResilienceModule.forRoot({ deadLetter: { store: sqliteStore({ file: 'data/dead-letters.db' }) } });
 * ```
 */
export function sqliteStore(options: SqliteOptions): DeadLetterStore {
  return new SqlDeadLetterStore(sqliteSource(options));
}

/**
 * Dead letters in PostgreSQL, shared by all replicas. Needs the package `pg`.
 * ```ts
 * ResilienceModule.forRoot({ deadLetter: { store: postgresStore({ url: 'postgres://app:secret@db/app' }) } });
 * ```
 * @throws Error when there is neither `url` nor `pool`, or both
 */
export function postgresStore(options: PostgresOptions): DeadLetterStore {
  return new SqlDeadLetterStore(postgresSource(options));
}

/**
 * Dead letters in MySQL 8.0 or MariaDB 10.6 and later, shared by all replicas. Needs the package `mysql2`.
 * @throws Error when there is neither `url` nor `pool`, or both
 */
export function mysqlStore(options: MysqlOptions): DeadLetterStore {
  return new SqlDeadLetterStore(mysqlSource(options));
}

/**
 * The ledger of workflows in an SQLite file: every checkpoint is on disk when its promise resolves.
 * One process runs the executions of a file; it may be the file of the dead letters.
 * ```ts
 * WorkflowModule.forRoot({ store: sqliteExecutionStore({ file: 'data/resilience.db' }) });
 * ```
 */
export function sqliteExecutionStore(options: SqliteOptions): ExecutionStore {
  return new SqlExecutionStore(sqliteSource(options));
}

/**
 * The ledger of workflows in PostgreSQL; it may be the database of the dead letters. Needs the package `pg`.
 * @throws Error when there is neither `url` nor `pool`, or both
 */
export function postgresExecutionStore(options: PostgresOptions): ExecutionStore {
  return new SqlExecutionStore(postgresSource(options));
}

/**
 * The ledger of workflows in MySQL 8.0 or MariaDB 10.6 and later; it may be the database of the dead letters. Needs `mysql2`.
 * @throws Error when there is neither `url` nor `pool`, or both
 */
export function mysqlExecutionStore(options: MysqlOptions): ExecutionStore {
  return new SqlExecutionStore(mysqlSource(options));
}

/**
 * What language models have cost, in an SQLite file, which may be that of the dead letters: budgets go on where they were after a restart.
 * ```ts
 * { provide: LLM_BUDGET_STORE, useFactory: () => sqliteBudgetStore({ file: 'data/resilience.db' }) }
 * ```
 */
export function sqliteBudgetStore(options: SqliteOptions): BudgetStore {
  return new SqlBudgetStore(sqliteSource(options));
}

/**
 * The same in PostgreSQL, for all replicas together. Needs the package `pg`.
 * @throws Error when there is neither `url` nor `pool`, or both
 */
export function postgresBudgetStore(options: PostgresOptions): BudgetStore {
  return new SqlBudgetStore(postgresSource(options));
}

/**
 * The same in MySQL 8.0 or MariaDB 10.6 and later. Needs the package `mysql2`.
 * @throws Error when there is neither `url` nor `pool`, or both
 */
export function mysqlBudgetStore(options: MysqlOptions): BudgetStore {
  return new SqlBudgetStore(mysqlSource(options));
}
