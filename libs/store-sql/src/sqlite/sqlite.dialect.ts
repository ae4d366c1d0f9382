import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver as KyselySqliteDriver,
} from 'kysely';
import type { SqliteDatabase } from './sqlite.driver.js';

/**
 * Kysely's dialect, with transactions that take the write lock at once. One that starts by reading and asks for the lock
 * later fails with SQLITE_BUSY, without waiting, when another process wrote in between.
 */
export class ImmediateSqliteDialect extends SqliteDialect {
  private readonly config: SqliteDialectConfig;

  constructor(database: SqliteDatabase) {
    const config: SqliteDialectConfig = { database };
    super(config);
    this.config = config;
  }

  override createDriver(): Driver {
    return new ImmediateDriver(this.config);
  }
}

class ImmediateDriver extends KyselySqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}
