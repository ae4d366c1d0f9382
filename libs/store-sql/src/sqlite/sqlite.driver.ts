import { loadDriver } from '../database/load-driver.js';

/** The part of better-sqlite3's statement that is used here; libsql has the same shape. */
export interface SqliteStatement {
  readonly reader: boolean;
  all(parameters: readonly unknown[]): unknown[];
  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  iterate(parameters: readonly unknown[]): IterableIterator<unknown>;
}

/** The part of better-sqlite3's database that is used here. */
export interface SqliteDatabase {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  close(): void;
}

/** A class of better-sqlite3's shape: pass better-sqlite3 or libsql itself. */
export type SqliteDatabaseConstructor = new (file: string) => SqliteDatabase;

/**
 * - `node:sqlite`: built into Node 22.13 and later, nothing to install;
 * - `libsql`: the npm package, for older Nodes;
 * - `better-sqlite3`: the npm package; 13 and later need Node 22.14;
 * - `auto`: the first of them that is there, in this order;
 * - or a constructor of better-sqlite3's shape.
 */
export type SqliteDriver = 'auto' | 'node:sqlite' | 'libsql' | 'better-sqlite3' | SqliteDatabaseConstructor;

interface NodeSqlite {
  readonly DatabaseSync: new (file: string) => {
    prepare(sql: string): {
      columns(): unknown[];
      all(...parameters: unknown[]): unknown[];
      run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
      iterate(...parameters: unknown[]): IterableIterator<unknown>;
    };
    exec(sql: string): void;
    close(): void;
  };
}

/**
 * Opens a database file with the driver asked for.
 * @throws Error that names the ways out when the driver is not there
 */
export function openDatabase(file: string, driver: SqliteDriver): { database: SqliteDatabase; driverName: string } {
  if (typeof driver === 'function') return { database: new driver(file), driverName: driver.name };
  if (driver === 'auto' || driver === 'node:sqlite') {
    const builtIn = loadNodeSqlite();
    if (builtIn) return { database: openNodeSqlite(builtIn, file), driverName: 'node:sqlite' };
    if (driver === 'node:sqlite') {
      throw new Error(
        `This Node (${process.version}) has no node:sqlite: use Node 22.13 or later, or \`npm install libsql\` and leave \`driver\` out`,
      );
    }
  }
  const { Database, name } = driver === 'auto' ? loadAny() : loadPackage(driver);
  return { database: new Database(file), driverName: name };
}

function loadNodeSqlite(): NodeSqlite | undefined {
  // Not an import: bundlers and older Nodes fail on the mere name, and this must stay synchronous.
  return (process.getBuiltinModule as ((id: string) => unknown) | undefined)?.('node:sqlite') as NodeSqlite | undefined;
}

/** node:sqlite takes parameters one by one and does not say which statements return rows. */
function openNodeSqlite({ DatabaseSync }: NodeSqlite, file: string): SqliteDatabase {
  const database = new DatabaseSync(file);
  return {
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...parameters),
        run: (parameters) => statement.run(...parameters),
        iterate: (parameters) => statement.iterate(...parameters),
      };
    },
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
  };
}

function loadPackage(name: string): { Database: SqliteDatabaseConstructor; name: string } {
  const Database = loadDriver(name, `The SQLite driver '${name}'`, ', or leave `driver` out');
  return { Database: Database as SqliteDatabaseConstructor, name };
}

function loadAny(): ReturnType<typeof loadPackage> {
  const causes = [];
  for (const name of ['libsql', 'better-sqlite3']) {
    try {
      return loadPackage(name);
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new AggregateError(
    causes,
    `No SQLite driver was found: use Node 22.13 or later (it has node:sqlite; this is ${process.version}), ` +
      `or \`npm install libsql\`, or pass a better-sqlite3 constructor as \`driver\``,
  );
}
