import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Kysely } from 'kysely';
import type { Database, DatabaseSource } from '../database/database.js';
import { migrate } from '../database/migrations.js';
import { share } from '../database/shared.js';
import { quickCheck } from './quick-check.js';
import { PatientSqliteDialect } from './sqlite.dialect.js';
import { FileIdentity, makePrivateFile } from './sqlite.file.js';
import { openDatabase, type SqliteDatabase, type SqliteDriver } from './sqlite.driver.js';

export interface SqliteOptions {
  /** Path of the database file; its directory is made. On a local disk: never NFS, never a volume that pods share. `':memory:'` for tests. */
  readonly file: string;
  /** @default 'auto' */
  readonly driver?: SqliteDriver;
}

/** An open database file. All who open the same file in one process share one connection; the last `close` closes it. */
export interface SqliteConnection<Schema> extends Database<Schema> {
  readonly file: string;
  /** `'node:sqlite'`, `'libsql'`, `'better-sqlite3'` or the name of the constructor. */
  readonly driverName: string;
}

interface OpenFile {
  readonly kysely: Kysely<never>;
  readonly driverName: string;
  /** @throws Error when the file is gone or damaged */
  probe(): void;
  probe(): void;
}

export function sqliteSource(options: SqliteOptions): DatabaseSource {
  const { file } = options;
  return {
    ...{ name: `sqlite (${file})`, durable: file !== ':memory:', networked: false },
    open: <Schema>() => openSqlite<Schema>(options),
  };
}

let memories = 0;

/**
 * Opens (and creates) a database file: WAL, every commit fsynced, waiting up to 5 s for other processes.
 * @throws Error when there is no driver, or the file cannot be opened
 */
export function openSqlite<Schema>({ file, driver = 'auto' }: SqliteOptions): SqliteConnection<Schema> {
  const { shared, release } = acquire(file, driver);
  return {
    ...{ file, flavour: 'sqlite', leaseClock: 'caller' },
    driverName: shared.driverName,
    kysely: shared.kysely as unknown as Kysely<Schema>,
    migrate: (component, steps) => migrate(shared.kysely, 'sqlite', component, steps),
    probe: () => shared.probe(),
    close: release,
  };
}

function acquire(file: string, driver: SqliteDriver) {
  try {
    if (file === ':memory:') return share(`sqlite ${file} ${++memories}`, () => open(file, driver));
    const path = realPath(file);
    return share(`sqlite ${path}`, () => open(path, driver));
  } catch (cause) {
    throw new Error(`The SQLite file '${file}' cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

function open(file: string, driver: SqliteDriver): OpenFile {
  const { database, driverName } = openDatabase(file, driver);
  try {
    configure(database);
  } catch (error) {
    database.close();
    throw error;
  }
  const identity = file === ':memory:' ? undefined : new FileIdentity(file);
  const isSame = (): void => identity?.check();
  let damage: string | undefined | null = null;
  return {
    kysely: new Kysely<never>({ dialect: new PatientSqliteDialect(database, isSame) }),
    driverName,
    probe() {
      isSame();
      // Once: a file does not rot while it is open, and reading it takes a while.
      if (damage === null) damage = quickCheck(database);
      if (damage !== undefined) throw new Error(`the database file '${file}' is corrupt: ${damage}`);
    },
  };
}

function configure(database: SqliteDatabase): void {
  // First of all: switching to WAL already needs a lock that another process may hold.
  set(database, 'busy_timeout = 5000');
  set(database, 'journal_mode = wal');
  // NORMAL would survive a killed process too, but not a power cut: acknowledged means on disk.
  set(database, 'synchronous = full');
  // 16 MiB: copying the log into the file every 4 would write the same index pages again and again.
  set(database, 'wal_autocheckpoint = 4000');
  // 16 MB instead of 2: among a million entries the ends of all indexes still fit in.
  set(database, 'cache_size = -16000');
  // From here on the dialect waits for the lock: SQLite's own waiting would stop the whole process.
  set(database, 'busy_timeout = 20');
}

/** Some pragmas answer with a row and some do not; better-sqlite3 refuses to be asked in the wrong way. */
function set(database: SqliteDatabase, pragma: string): void {
  const statement = database.prepare(`pragma ${pragma}`);
  if (statement.reader) statement.all([]);
  else statement.run([]);
}

/** One key for every way to write the path, through symbolic links as well. Makes the directory. */
function realPath(file: string): string {
  const path = resolve(file);
  makePrivateFile(path);
  try {
    return realpathSync(path);
  } catch {
    return join(realpathSync(dirname(path)), basename(path));
  }
}
