import { classifyError, MAX_STORED_NAME, mayPass } from '@nest-resilience/core';
import { type Expression, type RawBuilder, sql } from 'kysely';

/** Everything in which the databases differ for our statements is in this file; the statements themselves are the same. */
export type Flavour = 'sqlite' | 'postgres' | 'mysql';

/** Column types by what a column holds. */
export interface ColumnTypes {
  /** A uuid or another short name of ASCII letters. */
  readonly id: string;
  /** Text that is indexed: at most {@link MAX_STORED_NAME} characters: an index entry of InnoDB has 3,072 bytes, 4 a character. */
  readonly key: string;
  /** A name out of a short list. */
  readonly word: string;
  /** Text of any length, JSON as well: the databases' own JSON types sort keys and refuse some characters. */
  readonly text: string;
  readonly int: string;
  /** Epoch milliseconds. */
  readonly time: string;
  readonly double: string;
}

/** Keys compare by their bytes everywhere: exact, and in the order of uuids. */
export const COLUMN_TYPES: Readonly<Record<Flavour, ColumnTypes>> = {
  sqlite: { id: 'text', key: 'text', word: 'text', text: 'text', int: 'integer', time: 'integer', double: 'real' },
  postgres: {
    ...{ id: 'text collate "C"', key: 'text collate "C"', word: 'text collate "C"' },
    ...{ text: 'text', int: 'integer', time: 'bigint', double: 'double precision' },
  },
  mysql: {
    id: 'varchar(64) character set ascii collate ascii_bin',
    key: `varchar(${MAX_STORED_NAME}) character set utf8mb4 collate utf8mb4_bin`,
    word: 'varchar(16) character set ascii collate ascii_bin',
    text: 'longtext character set utf8mb4 collate utf8mb4_bin',
    ...{ int: 'integer', time: 'bigint', double: 'double' },
  },
};

/** A column that counts up with every row, for reading rows in the order in which they came. SQLite has `rowid`. */
export const ARRIVAL_COLUMN: Readonly<Record<Flavour, string | undefined>> = {
  sqlite: undefined,
  postgres: 'arrival bigint generated always as identity',
  mysql: 'arrival bigint not null auto_increment unique',
};

export function arrivalOf(flavour: Flavour): RawBuilder<unknown> {
  return sql.ref(flavour === 'sqlite' ? 'rowid' : 'arrival');
}

/**
 * At the end of a select: keeps the rows for this transaction. SQLite's transactions have the whole file.
 * @param rows `free` passes over rows that another transaction holds
 */
export function locked(flavour: Flavour, rows: 'all' | 'free' = 'all'): RawBuilder<unknown> {
  if (flavour === 'sqlite') return sql``;
  return rows === 'free' ? sql`for update skip locked` : sql`for update`;
}

/** Like {@link locked}, but others may hold the rows in the same way. MariaDB knows only the older words. */
export function lockedShared(flavour: Flavour): RawBuilder<unknown> {
  if (flavour === 'sqlite') return sql``;
  return flavour === 'postgres' ? sql`for share` : sql`lock in share mode`;
}

/** Case does not matter for ASCII letters. `!` escapes, because MySQL reads a backslash twice. */
export function contains(flavour: Flavour, column: Expression<unknown>, text: string): RawBuilder<boolean> {
  const pattern = `%${text.replace(/[!%_]/g, '!$&')}%`;
  if (flavour === 'postgres') return sql<boolean>`${column} ilike ${pattern} escape '!'`;
  if (flavour === 'mysql') return sql<boolean>`lower(${column}) like lower(${pattern}) escape '!'`;
  return sql<boolean>`${column} like ${pattern} escape '!'`;
}

/** The database's own clock in epoch milliseconds; SQLite's is that of the machine. */
export function serverTime(flavour: Flavour): RawBuilder<number | string> {
  if (flavour === 'sqlite') return sql`cast(round((julianday('now') - 2440587.5) * 86400000) as integer)`;
  return flavour === 'postgres'
    ? sql`(extract(epoch from clock_timestamp()) * 1000)::bigint`
    : sql`timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000`;
}

/** Two transactions got into each other's way and this one was undone: it may simply be tried again. */
export function isConflict(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return CONFLICTS.has(String(code));
}

const CONFLICTS = new Set([
  // PostgreSQL: unique violation (somebody else inserted the same key meanwhile), serialization failure, deadlock.
  ...['23505', '40001', '40P01'],
  // MySQL and MariaDB: the same, and a lock that took too long.
  ...['ER_DUP_ENTRY', 'ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD'],
]);

/** It is about the rows of the statement, as far as can be told: a connection is cut for one that is too large, too. */
export function isOneItems(error: unknown): boolean {
  return !mayPass(error) || classifyError(error).reason === 'network';
}
