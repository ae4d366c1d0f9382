import { mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Kysely } from 'kysely';
import { ImmediateSqliteDialect } from './sqlite.dialect.js';
import { openDatabase, type SqliteDatabase, type SqliteDriver } from './sqlite.driver.js';
import { migrate, type SqliteMigration } from './sqlite.migrations.js';

export interface SqliteOptions {
  /** Path of the database file; its directory is made. On a local disk: never NFS, never a volume that pods share. `':memory:'` for tests. */
  readonly file: string;
  /** @default 'auto' */
  readonly driver?: SqliteDriver;
}

/** An open database file. All who open the same file in one process share one connection; the last `close` closes it. */
export interface SqliteConnection<Schema> {
  readonly file: string;
  /** `'node:sqlite'`, `'libsql'` or the name of the constructor. */
  readonly driverName: string;
  readonly kysely: Kysely<Schema>;
  migrate(component: string, steps: readonly SqliteMigration[]): Promise<void>;
  close(): Promise<void>;
}

interface Shared {
  readonly kysely: Kysely<never>;
  readonly driverName: string;
  users: number;
}

/** By real path. On globalThis, because a duplicate install of this package must not open a second connection. */
const OPEN = ((globalThis as Record<symbol, unknown>)[Symbol.for('nest-resilience:sqlite-connections')] ??=
  new Map()) as Map<string, Shared>;

/**
 * Opens (and creates) a database file: WAL, every commit fsynced, waiting up to 5 s for other processes.
 * @throws Error when there is no driver, or the file cannot be opened
 */
export function openSqlite<Schema>(options: SqliteOptions): SqliteConnection<Schema> {
  const { file, driver = 'auto' } = options;
  const { key, shared } = acquire(file, driver);
  shared.users++;
  let closed = false;
  return {
    file,
    driverName: shared.driverName,
    kysely: shared.kysely as unknown as Kysely<Schema>,
    migrate: (component, steps) => migrate(shared.kysely, component, steps),
    close: async () => {
      if (closed) return;
      closed = true;
      if (--shared.users > 0) return;
      if (key !== undefined) OPEN.delete(key);
      await shared.kysely.destroy();
    },
  };
}

function acquire(file: string, driver: SqliteDriver): { key: string | undefined; shared: Shared } {
  try {
    if (file === ':memory:') return { key: undefined, shared: open(file, driver) };
    const key = realPath(file);
    const shared = OPEN.get(key) ?? open(key, driver);
    OPEN.set(key, shared);
    return { key, shared };
  } catch (cause) {
    throw new Error(`The SQLite file '${file}' cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

function open(file: string, driver: SqliteDriver): Shared {
  const { database, driverName } = openDatabase(file, driver);
  try {
    configure(database);
  } catch (error) {
    database.close();
    throw error;
  }
  return { kysely: new Kysely({ dialect: new ImmediateSqliteDialect(database) }), driverName, users: 0 };
}

function configure(database: SqliteDatabase): void {
  // First of all: switching to WAL already needs a lock that another process may hold.
  database.prepare('pragma busy_timeout = 5000').all([]);
  database.prepare('pragma journal_mode = wal').all([]);
  // NORMAL would survive a killed process too, but not a power cut: acknowledged means on disk.
  database.exec('pragma synchronous = full');
}

/** One key for every way to write the path, through symbolic links as well. Makes the directory. */
function realPath(file: string): string {
  const path = resolve(file);
  mkdirSync(dirname(path), { recursive: true });
  try {
    return realpathSync(path);
  } catch {
    return join(realpathSync(dirname(path)), basename(path));
  }
}
