import { setTimeout as delay } from 'node:timers/promises';
import { MAX_STORED_NAME } from '@nest-resilience/core';
import { type Kysely, sql } from 'kysely';
import { ARRIVAL_COLUMN, COLUMN_TYPES, type ColumnTypes, type Flavour } from './flavour.js';

/** One step of a schema. Never change one that was released. */
export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
  /** The one database that needs it. @default all */
  readonly only?: Flavour;
  /** Statements that run together or not at all; MySQL commits each, so there they must bear being run again. */
  statements(flavour: Flavour): readonly string[];
}

/** A table, in the words that all databases understand. */
export interface TableDefinition {
  readonly name: string;
  /** Lines such as `queue text not null`. */
  readonly columns: (types: ColumnTypes) => readonly string[];
  readonly indexes: readonly IndexDefinition[];
  /** Counts rows in the order of their arrival. */
  readonly arrival?: boolean;
}

export interface IndexDefinition {
  readonly name: string;
  readonly columns: readonly string[];
  readonly unique?: boolean;
  /** Rows where this column is null stay out of the index, where the database can do that. */
  readonly where?: string;
}

/** MySQL makes a table with its indexes in one statement: what a crash leaves behind is the whole of it or nothing. */
export function createTable(flavour: Flavour, { name, columns, indexes, arrival }: TableDefinition): string[] {
  const lines = [...columns(COLUMN_TYPES[flavour])];
  const counter = ARRIVAL_COLUMN[flavour];
  if (arrival && counter !== undefined) lines.push(counter);
  if (flavour === 'mysql') {
    for (const index of indexes)
      lines.push(`${index.unique ? 'unique ' : ''}index ${index.name} (${index.columns.join(', ')})`);
    return [`create table if not exists ${name} (${lines.join(', ')})`];
  }
  return [`create table if not exists ${name} (${lines.join(', ')})`, ...createIndexes(name, indexes)];
}

/** The columns, and indexes over them, that a table gets in addition. Those that may not be null need a default. */
export function addColumns(flavour: Flavour, { name, columns, indexes }: Omit<TableDefinition, 'arrival'>): string[] {
  const add = flavour === 'postgres' ? 'add column if not exists' : 'add column';
  const lines = columns(COLUMN_TYPES[flavour]).map((line) => `${add} ${line}`);
  if (flavour === 'sqlite')
    return [...lines.map((line) => `alter table ${name} ${line}`), ...createIndexes(name, indexes)];
  if (flavour === 'postgres') return [`alter table ${name} ${lines.join(', ')}`, ...createIndexes(name, indexes)];
  for (const index of indexes) lines.push(`add index ${index.name} (${index.columns.join(', ')})`);
  const [first] = lines[0]!.replace('add column ', '').split(' ');
  // MySQL 8 has no "if not exists" for columns, and one statement brings all of them or none.
  const found = `select 1 from information_schema.columns
    where table_schema = database() and table_name = '${name}' and column_name = '${first}'`;
  return mysqlChoice(`exists(${found})`, 'do 0', `alter table ${name} ${lines.join(', ')}`);
}

/** Indexes that a table gets in addition. May be run again. */
export function addIndexes(flavour: Flavour, table: string, indexes: readonly IndexDefinition[]): string[] {
  if (flavour !== 'mysql') return createIndexes(table, indexes);
  return indexes.flatMap(({ name, columns }) => {
    const found = `select 1 from information_schema.statistics
      where table_schema = database() and table_name = '${table}' and index_name = '${name}'`;
    return mysqlChoice(`exists(${found})`, 'do 0', `alter table ${table} add index ${name} (${columns.join(', ')})`);
  });
}

/** Types that compare every byte. MySQL's older ones, and MariaDB's usual ones, take `key` and `key ` for the same. */
const EXACT_TYPES = {
  mariadb: {
    id: 'varchar(64) character set ascii collate ascii_nopad_bin',
    key: `varchar(${MAX_STORED_NAME}) character set utf8mb4 collate utf8mb4_nopad_bin`,
  },
  mysql: {
    id: 'varchar(64) character set utf8mb4 collate utf8mb4_0900_bin',
    key: `varchar(${MAX_STORED_NAME}) character set utf8mb4 collate utf8mb4_0900_bin`,
  },
} as const;

/** For MySQL and MariaDB: gives columns a type that tells keys with trailing blanks apart. May be run again. */
export function compareExactly(
  table: string,
  columns: (types: Pick<ColumnTypes, 'id' | 'key'>) => readonly string[],
): string[] {
  const alter = (types: Pick<ColumnTypes, 'id' | 'key'>) =>
    `alter table ${table} ${columns(types)
      .map((column) => `modify ${column}`)
      .join(', ')}`;
  return mysqlChoice("version() like '%MariaDB%'", alter(EXACT_TYPES.mariadb), alter(EXACT_TYPES.mysql));
}

/** MySQL has no "if" outside of procedures. */
function mysqlChoice(condition: string, yes: string, no: string): string[] {
  const text = (statement: string) => `'${statement.replaceAll("'", "''")}'`;
  return [
    `set @nest_resilience_step = if(${condition}, ${text(yes)}, ${text(no)})`,
    'prepare nest_resilience_step from @nest_resilience_step',
    'execute nest_resilience_step',
    'deallocate prepare nest_resilience_step',
  ];
}

function createIndexes(table: string, indexes: readonly IndexDefinition[]): string[] {
  return indexes.map(
    ({ name, columns, unique, where }) =>
      `create ${unique ? 'unique ' : ''}index if not exists ${name} on ${table} (${columns.join(', ')})` +
      (where === undefined ? '' : ` where ${where} is not null`),
  );
}

/** A server that does not answer is a store that fails: the entry goes to the spill, and nobody waits any longer. */
export const ANSWER_MS = 10_000;
/** What changes a table may write all of its rows anew. */
const CHANGE_MS = 3_600_000;

/** How long a statement may take. */
export function limitOf(statement: string): number {
  return /^(?:create|alter|execute|insert into \w+ \([^)]*\)\s+select) /.test(statement) ? CHANGE_MS : ANSWER_MS;
}

/** That a starting replica waits for another one that is migrating: asked again and again, no statement takes as long. */
const LOCK_WAIT_MS = 60_000;
const LOCK_ASK_MS = 200;
/** Any number will do, as long as it is always this one. */
const LOCK_KEY = 7_130_114_051;

type Db = Kysely<never>;

/**
 * Brings the tables of one component up to date. Only reads where nothing is missing: the server may be read-only, or somebody hold the
 * lock for long. Safe to run twice and from many replicas at once: under the lock the version is read again.
 * @throws Error when the tables were made by a newer release
 */
export async function migrate(
  kysely: Db,
  flavour: Flavour,
  component: string,
  steps: readonly Migration[],
): Promise<void> {
  const wanted = steps.filter((step) => (step.only ?? flavour) === flavour);
  const missing = async (db: Db): Promise<readonly Migration[]> => {
    const found = await versionOf(db, flavour, component);
    refuseNewer(component, found, wanted.at(-1)?.version ?? 0, flavour);
    return wanted.filter(({ version }) => version > found);
  };
  if ((await missing(kysely)).length === 0) return;
  if (flavour === 'mysql')
    return kysely.connection().execute((db) => underMysqlLock(db, () => apply(db, flavour, component, missing)));
  await kysely.transaction().execute(async (trx) => {
    // SQLite's transactions begin by taking the file.
    if (flavour === 'postgres') await takePostgresLock(trx);
    await apply(trx, flavour, component, missing);
  });
}

/** 0 where there is no table yet. */
async function versionOf(db: Db, flavour: Flavour, component: string): Promise<number> {
  // Where it may be asked: a transaction of PostgreSQL does not outlive an error.
  if (flavour === 'postgres') {
    const table = await sql<{ found: boolean }>`
      select to_regclass('resilience_migrations') is not null as found`.execute(db);
    if (table.rows[0]?.found === false) return 0;
  }
  try {
    const { rows } = await sql<{ version: number | null }>`
      select max(version) as version from resilience_migrations where component = ${component}`.execute(db);
    return rows[0]?.version ?? 0;
  } catch (error) {
    if (isMissingTable(error)) return 0;
    throw error;
  }
}

function isMissingTable(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return code === 'ER_NO_SUCH_TABLE' || /no such table/.test(String(message));
}

function refuseNewer(component: string, found: number, newest: number, flavour: Flavour): void {
  if (found <= newest) return;
  throw new Error(
    `The tables of '${component}' are at version ${found}, this release knows ${newest}: ` +
      `update @nest-resilience/store-sql, or use another ${flavour === 'sqlite' ? 'file' : 'database'}`,
  );
}

async function apply(
  db: Db,
  flavour: Flavour,
  component: string,
  missing: (db: Db) => Promise<readonly Migration[]>,
): Promise<void> {
  const { word, int } = COLUMN_TYPES[flavour];
  const name = flavour === 'mysql' ? 'varchar(64)' : word;
  await sql`create table if not exists resilience_migrations (
    component ${sql.raw(name)} not null, version ${sql.raw(int)} not null, applied_at ${sql.raw(name)} not null,
    primary key (component, version)
  )`.execute(db);
  for (const step of await missing(db)) {
    for (const statement of step.statements(flavour)) await run(db, statement);
    await sql`insert into resilience_migrations (component, version, applied_at)
      values (${component}, ${step.version}, ${new Date().toISOString()})`.execute(db);
  }
}

/** A step whose row was lost is run again: SQLite has no "if not exists" for columns, and what it refuses does not end its transaction. */
async function run(db: Db, statement: string): Promise<void> {
  try {
    await sql.raw(statement).execute(db);
  } catch (error) {
    if (!/duplicate column name/.test((error as Error).message)) throw error;
  }
}

async function takePostgresLock(db: Db): Promise<void> {
  // The server's own limits are for calls; no migration of a large table would ever end under them.
  await sql`set local statement_timeout = 0`.execute(db);
  await untilLocked(async () => {
    const { rows } = await sql<{ got: boolean }>`select pg_try_advisory_xact_lock(${LOCK_KEY}) as got`.execute(db);
    return rows[0]?.got === true;
  });
}

/** Its locks belong to a connection and are known to the whole server, whatever the database. */
async function underMysqlLock(db: Db, work: () => Promise<void>): Promise<void> {
  const name = sql`concat('nest-resilience-', md5(database()))`;
  await untilLocked(async () => {
    const { rows } = await sql<{ got: number | null }>`select get_lock(${name}, 0) as got`.execute(db);
    return rows[0]?.got === 1;
  });
  try {
    await work();
  } finally {
    // A connection that is gone has taken its lock along.
    await sql`select release_lock(${name})`.execute(db).catch(() => undefined);
  }
}

async function untilLocked(isLocked: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + LOCK_WAIT_MS;
  while (!(await isLocked())) {
    if (performance.now() > until)
      throw Object.assign(
        new Error(`Another replica has been migrating this database for more than ${LOCK_WAIT_MS / 1_000} s`),
        { isRetryable: true },
      );
    await delay(LOCK_ASK_MS);
  }
}
