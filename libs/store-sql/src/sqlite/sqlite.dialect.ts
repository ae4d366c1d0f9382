import { setTimeout as delay } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver as KyselySqliteDriver,
} from 'kysely';
import type { SqliteDatabase, SqliteStatement } from './sqlite.driver.js';

/** How long a transaction waits for one of another process. */
const LOCK_WAIT_MS = 5_000;
const FIRST_PAUSE_MS = 2;
const LAST_PAUSE_MS = 50;
/** Statements are few and come again; texts with lists of changing length must not pile up. */
const MAX_PREPARED = 200;

/**
 * Kysely's dialect, with transactions that take the write lock at once, and wait for it without stopping the process. One
 * that starts by reading and asks for the lock later fails with SQLITE_BUSY when another process wrote in between.
 */
export class PatientSqliteDialect extends SqliteDialect {
  private readonly config: SqliteDialectConfig;

  /** @param isSame throws when what is written would not be found again */
  constructor(
    database: SqliteDatabase,
    private readonly isSame: () => void,
  ) {
    const config: SqliteDialectConfig = { database: preparingOnce(database) };
    super(config);
    this.config = config;
  }

  override createDriver(): Driver {
    return new PatientDriver(this.config, this.isSame);
  }
}

class PatientDriver extends KyselySqliteDriver {
  constructor(
    config: SqliteDialectConfig,
    private readonly isSame: () => void,
  ) {
    super(config);
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return patient(await super.acquireConnection(), this.isSame);
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** Nobody is told that something was kept which is in a file that is gone by now. */
  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await super.commitTransaction(connection);
    this.isSame();
  }

  /** SQLite has undone a transaction itself where the disk is full; that it cannot be undone twice must not hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await super.rollbackTransaction(connection).catch(() => undefined);
  }
}

/** Only what comes without a transaction, and what begins one, can find the file locked: both may simply be repeated. */
function patient(connection: DatabaseConnection, isSame: () => void): DatabaseConnection {
  return {
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
    executeQuery: async <R>(query: CompiledQuery) => {
      const giveUpAt = performance.now() + LOCK_WAIT_MS;
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)) {
        try {
          const answer = await connection.executeQuery<R>(query);
          // Reading goes on: it is the last chance to see what a deleted file held.
          if (WRITES.has(query.query.kind)) isSame();
          return answer;
        } catch (error) {
          if (!isBusy(error) || performance.now() > giveUpAt) throw error;
        }
        await delay(pauseMs);
      }
    },
  };
}

/** Drivers name it differently, SQLite's own words are the same. */
function isBusy(error: unknown): boolean {
  return /database (table )?is locked/.test(String((error as { message?: unknown } | null)?.message));
}

const WRITES: ReadonlySet<string> = new Set(['InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode']);

/** Preparing costs more than most of our statements do. */
function preparingOnce(database: SqliteDatabase): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>();
  return {
    prepare(text) {
      const known = prepared.get(text);
      if (known) return known;
      if (prepared.size >= MAX_PREPARED) prepared.clear();
      const statement = database.prepare(text);
      const entry: SqliteStatement = {
        reader: statement.reader,
        // Copied: under jest a native driver's own array is one of another realm, which deep equality tells apart.
        all: (parameters) => [...statement.all(parameters)],
        run: (parameters) => statement.run(parameters),
        // One that is being iterated over cannot be used a second time.
        iterate: (parameters) => database.prepare(text).iterate(parameters),
      };
      prepared.set(text, entry);
      return entry;
    },
    exec: (text) => database.exec(text),
    close: () => {
      prepared.clear();
      database.close();
    },
  };
}
