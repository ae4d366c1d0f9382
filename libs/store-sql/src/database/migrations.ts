import { type Kysely, sql } from 'kysely';
import { ARRIVAL_COLUMN, COLUMN_TYPES, type ColumnTypes, type Flavour } from './flavour.js';

/** One step of a schema. Never change one that was released. */
export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
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
  const lines = columns(COLUMN_TYPES[flavour]).map((line) => `add column ${line}`);
  if (flavour === 'sqlite')
    return [...lines.map((line) => `alter table ${name} ${line}`), ...createIndexes(name, indexes)];
  if (flavour === 'postgres') return [`alter table ${name} ${lines.join(', ')}`, ...createIndexes(name, indexes)];
  for (const index of indexes) lines.push(`add index ${index.name} (${index.columns.join(', ')})`);
  const [first] = lines[0]!.replace('add column ', '').split(' ');
  // MySQL 8 has no "if not exists" for columns, and one statement brings all of them or none.
  const alter = `alter table ${name} ${lines.join(', ')}`.replaceAll("'", "''");
  const found = `select 1 from information_schema.columns
    where table_schema = database() and table_name = '${name}' and column_name = '${first}'`;
  return [
    `set @nest_resilience_step = if(exists(${found}), 'do 0', '${alter}')`,
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

/** Seconds that a starting replica waits for another one that is migrating. */
const LOCK_WAIT_SECONDS = 60;
/** Any number will do, as long as it is always this one. */
const LOCK_KEY = 7_130_114_051;

/**
 * Brings the tables of one component up to date. Safe to run twice and from many replicas at once: the lock is taken
 * before the version is read.
 * @throws Error when the tables were made by a newer release
 */
export async function migrate(
  kysely: Kysely<never>,
  flavour: Flavour,
  component: string,
  steps: readonly Migration[],
): Promise<void> {
  if (flavour === 'mysql') return underMysqlLock(kysely, (db) => apply(db, flavour, component, steps));
  await kysely.transaction().execute(async (trx) => {
    // SQLite's transactions begin by taking the file.
    if (flavour === 'postgres') await sql`select pg_advisory_xact_lock(${LOCK_KEY})`.execute(trx);
    await apply(trx, flavour, component, steps);
  });
}

async function apply(db: Kysely<never>, flavour: Flavour, component: string, steps: readonly Migration[]) {
  const { word, int } = COLUMN_TYPES[flavour];
  const name = flavour === 'mysql' ? 'varchar(64)' : word;
  await sql`create table if not exists resilience_migrations (
    component ${sql.raw(name)} not null, version ${sql.raw(int)} not null, applied_at ${sql.raw(name)} not null,
    primary key (component, version)
  )`.execute(db);
  const { rows } = await sql<{ version: number | null }>`
    select max(version) as version from resilience_migrations where component = ${component}`.execute(db);
  const found = rows[0]?.version ?? 0;
  const newest = steps.at(-1)?.version ?? 0;
  if (found > newest) {
    throw new Error(
      `The tables of '${component}' are at version ${found}, this release knows ${newest}: ` +
        `update @nest-resilience/store-sql, or use another ${flavour === 'sqlite' ? 'file' : 'database'}`,
    );
  }
  for (const step of steps.filter(({ version }) => version > found)) {
    for (const statement of step.statements(flavour)) await sql.raw(statement).execute(db);
    await sql`insert into resilience_migrations (component, version, applied_at)
      values (${component}, ${step.version}, ${new Date().toISOString()})`.execute(db);
  }
}

/** Its locks belong to a connection and are known to the whole server, whatever the database. */
async function underMysqlLock(kysely: Kysely<never>, work: (db: Kysely<never>) => Promise<void>): Promise<void> {
  await kysely.connection().execute(async (db) => {
    const name = sql`concat('nest-resilience-', md5(database()))`;
    const { rows } = await sql<{ got: number | null }>`select get_lock(${name}, ${LOCK_WAIT_SECONDS}) as got`.execute(
      db,
    );
    if (rows[0]?.got !== 1)
      throw new Error(`Another replica has been migrating this database for more than ${LOCK_WAIT_SECONDS} s`);
    try {
      await work(db);
    } finally {
      await sql`select release_lock(${name})`.execute(db);
    }
  });
}
