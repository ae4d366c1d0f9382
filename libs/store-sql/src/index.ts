export type { BudgetStore } from './budgets/sql-budget.store.js';
export type { LeaseClock } from './database/database.js';
export type { MysqlOptions } from './mysql/mysql.connection.js';
export type { PostgresOptions } from './postgres/postgres.connection.js';
export type { SqliteOptions } from './sqlite/sqlite.connection.js';
export type {
  SqliteDatabase,
  SqliteDatabaseConstructor,
  SqliteDriver,
  SqliteStatement,
} from './sqlite/sqlite.driver.js';
export {
  mysqlBudgetStore,
  postgresBudgetStore,
  sqliteBudgetStore,
  mysqlExecutionStore,
  mysqlStore,
  postgresExecutionStore,
  postgresStore,
  sqliteExecutionStore,
  sqliteStore,
} from './stores.js';
