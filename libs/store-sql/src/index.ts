export { sqliteStore } from './dead-letter/sql-dead-letter.store.js';
export { sqliteExecutionStore } from './executions/sql-execution.store.js';
export { openSqlite, type SqliteConnection, type SqliteOptions } from './sqlite/sqlite.connection.js';
export type {
  SqliteDatabase,
  SqliteDatabaseConstructor,
  SqliteDriver,
  SqliteStatement,
} from './sqlite/sqlite.driver.js';
export type { SqliteMigration } from './sqlite/sqlite.migrations.js';
