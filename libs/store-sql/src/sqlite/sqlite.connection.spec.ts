import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { openSqlite, type SqliteConnection } from './sqlite.connection.js';
import { openDatabase, type SqliteDatabaseConstructor } from './sqlite.driver.js';

interface Schema {
  t: { n: number };
}

let directory: string;
let file: string;
let opened: SqliteConnection<Schema>[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sqlite-'));
  file = join(directory, 'a.db');
});

afterEach(async () => {
  for (const connection of opened) await connection.close();
  opened = [];
  rmSync(directory, { recursive: true, force: true });
});

function open(options: Partial<Parameters<typeof openSqlite>[0]> = {}): SqliteConnection<Schema> {
  const connection = openSqlite<Schema>({ file, ...options });
  opened.push(connection);
  return connection;
}

async function pragma(connection: SqliteConnection<Schema>, name: string): Promise<unknown> {
  const { rows } = await sql<Record<string, unknown>>`${sql.raw(`pragma ${name}`)}`.execute(connection.kysely);
  return Object.values(rows[0] ?? {})[0];
}

describe('openSqlite', () => {
  it('sets what durability needs', async () => {
    const connection = open();

    expect(await pragma(connection, 'journal_mode')).toBe('wal');
    expect(await pragma(connection, 'synchronous')).toBe(2); // FULL
    expect(await pragma(connection, 'busy_timeout')).toBe(20); // the dialect waits 5 s, without stopping the process
  });

  it('gives one connection to all who open a file, however they write its path', async () => {
    const first = open();
    await sql`create table t (n integer)`.execute(first.kysely);
    const link = join(directory, 'link');
    symlinkSync(directory, link);

    const second = open({ file: join(link, '..', 'a.db') });
    const third = open({ file: join(link, 'a.db') });

    expect(third.kysely).toBe(first.kysely);
    expect(second.kysely).not.toBe(undefined);
    await first.close();
    await first.close();
    await third.kysely.insertInto('t').values({ n: 1 }).execute();
    expect(await third.kysely.selectFrom('t').selectAll().execute()).toEqual([{ n: 1 }]);
  });

  it('gives each its own :memory:', () => {
    expect(open({ file: ':memory:' }).kysely).not.toBe(open({ file: ':memory:' }).kysely);
  });

  it('runs transactions of different users of one file one after the other', async () => {
    const connections = [open(), open(), open()];
    await sql`create table t (n integer)`.execute(connections[0]!.kysely);

    await Promise.all(
      connections.map(({ kysely }) =>
        kysely.transaction().execute(async (trx) => {
          const rows = await trx.selectFrom('t').selectAll().execute();
          await trx.insertInto('t').values({ n: rows.length }).execute();
        }),
      ),
    );

    const rows = await connections[0]!.kysely.selectFrom('t').selectAll().execute();
    expect(rows.map(({ n }) => n)).toEqual([0, 1, 2]);
  });

  it('takes a constructor of the shape of better-sqlite3', async () => {
    const Database = createRequire(import.meta.url)('libsql') as SqliteDatabaseConstructor;

    const connection = open({ driver: Database });

    expect(connection.driverName).toBe('Database');
    expect(await pragma(connection, 'journal_mode')).toBe('wal');
  });

  it('asks a driver for rows only where there are some, as better-sqlite3 wants it', async () => {
    const Lenient = createRequire(import.meta.url)('libsql') as SqliteDatabaseConstructor;
    class Strict extends Lenient {
      override prepare(text: string) {
        const statement = super.prepare(text);
        const reader = !/^(pragma (synchronous|cache_size) ?=|insert|create|begin|commit|rollback)/.test(text);
        const wrong = (what: string) => {
          throw new TypeError(`This statement ${what}`);
        };
        return {
          reader,
          all: (values: readonly unknown[]) => (reader ? statement.all(values) : wrong('does not return data')),
          run: (values: readonly unknown[]) => (reader ? wrong('returns data') : statement.run(values)),
          iterate: (values: readonly unknown[]) => statement.iterate(values),
        };
      }
    }

    const connection = open({ driver: Strict });

    expect(await pragma(connection, 'synchronous')).toBe(2);
    expect(await pragma(connection, 'cache_size')).toBe(-16_000);
  });

  it('names the file it cannot open', () => {
    expect(() => open({ file: directory })).toThrow(`The SQLite file '${directory}' cannot be opened`);
  });

  it('says what to do when node:sqlite is wanted and not there', () => {
    // Where Node has it (22.13 and later), this is a Node that has not.
    const original = Object.getOwnPropertyDescriptor(process, 'getBuiltinModule');
    Object.defineProperty(process, 'getBuiltinModule', { value: () => undefined, configurable: true });

    try {
      expect(() => openDatabase(file, 'node:sqlite')).toThrow(/use Node 22.13 or later, or `npm install libsql`/);
    } finally {
      if (original === undefined) Reflect.deleteProperty(process, 'getBuiltinModule');
      else Object.defineProperty(process, 'getBuiltinModule', original);
    }
  });
});

describe('migrations', () => {
  const steps = [
    { version: 1, statements: () => ['create table t (n integer)'] },
    { version: 2, statements: () => ['insert into t values (1)', 'insert into t values (2)'] },
  ];

  it('run once, also when started many times at once', async () => {
    const connections = [open(), open(), open()];

    await Promise.all(connections.map((connection) => connection.migrate('test', steps)));
    await connections[0]!.migrate('test', steps);

    expect(await connections[0]!.kysely.selectFrom('t').selectAll().execute()).toHaveLength(2);
  });

  it('leave nothing half done', async () => {
    const connection = open();
    const broken = [
      ...steps,
      { version: 3, statements: () => ['insert into t values (3)', 'insert into nowhere values (1)'] },
    ];

    await expect(connection.migrate('test', broken)).rejects.toThrow(/nowhere/);
    await connection.migrate('test', steps);

    expect(await connection.kysely.selectFrom('t').selectAll().execute()).toHaveLength(2);
  });
});
