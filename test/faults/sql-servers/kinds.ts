import { mysqlExecutionStore, mysqlStore, postgresExecutionStore, postgresStore } from '@nest-resilience/store-sql';
import mysql from 'mysql2/promise';
import pg from 'pg';
import type { ServerOptions } from '../../servers/account.js';
import { findMysql, startMysql } from '../../servers/mysql.server.js';
import { type DatabaseServer, startPostgres } from '../../servers/postgres.server.js';

export interface Session {
  query(statement: string): Promise<unknown>;
  end(): Promise<void>;
}

/** A kind of server, and what an administrator says to it. */
export interface Kind {
  readonly start: (options?: Omit<ServerOptions, 'settings'>) => Promise<DatabaseServer>;
  /** The address of the account that the application has: one that no limit spares. */
  readonly prepare: (url: string) => Promise<string>;
  readonly session: (url: string) => Promise<Session>;
  readonly stores: (url: string) => {
    ledger: ReturnType<typeof postgresExecutionStore>;
    deadLetters: ReturnType<typeof postgresStore>;
  };
  /** Ends the connections of the application. */
  readonly cut: (admin: Session) => Promise<unknown>;
  readonly lock: string;
  /** How many transactions have been undone because they and another one waited for each other. */
  readonly deadlocks: (admin: Session) => Promise<number>;
  /** Epoch seconds, by its own clock. */
  readonly time: (admin: Session) => Promise<number>;
  /** Before and after a fault of settings. */
  readonly settings: Readonly<Record<'read-only' | 'in a hurry', readonly [on: string, off: string]>>;
}

const POSTGRES: Kind = {
  start: (options) =>
    // Of two that wait for each other the one that waited first is undone, and that is the application.
    startPostgres({ ...options, settings: ['max_connections=30', 'deadlock_timeout=100ms'] }),
  prepare: async (url) => {
    const admin = await POSTGRES.session(url);
    await admin.query('create role shop login');
    await admin.query('grant all on schema public to shop');
    await admin.end();
    return url.replace('app@', 'shop@');
  },
  session: async (url) => {
    const client = new pg.Client({ connectionString: url, application_name: 'fault' });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(
      "set default_transaction_read_only = off; set statement_timeout = 0; set deadlock_timeout = '1s'",
    );
    return client;
  },
  stores: (url) => ({ ledger: postgresExecutionStore({ url }), deadLetters: postgresStore({ url }) }),
  cut: (admin) => admin.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'shop' and application_name <> 'fault'"), // prettier-ignore
  lock: 'begin; lock table resilience_executions, resilience_dead_letters in access exclusive mode',
  deadlocks: async (admin) => {
    const { rows } = (await admin.query('select sum(deadlocks)::int as count from pg_stat_database')) as { rows: [{ count: number }] }; // prettier-ignore
    return rows[0].count;
  },
  time: async (admin) => {
    const { rows } = (await admin.query('select extract(epoch from clock_timestamp())::float8 as now')) as { rows: [{ now: number }] }; // prettier-ignore
    return rows[0].now;
  },
  settings: {
    'read-only': ['alter role shop set default_transaction_read_only = on', 'alter role shop reset all'],
    'in a hurry': ['alter role shop set statement_timeout = 1', 'alter role shop reset all'],
  },
};

const MARIADB = (program: string): Kind => ({
  start: (options) =>
    // Killed, it shall have all that it said was committed.
    startMysql(program, { ...options, settings: ['--max-connections=30', '--innodb-flush-log-at-trx-commit=1'] }),
  prepare: async (url) => {
    const admin = await MARIADB(program).session(url);
    await admin.query("create user 'shop'@'127.0.0.1'");
    await admin.query("grant all on mysql.* to 'shop'@'127.0.0.1'");
    await admin.end();
    return url.replace('root@', 'shop@');
  },
  session: async (url) => {
    const client = await mysql.createConnection({ uri: url, multipleStatements: true });
    client.on('error', () => undefined);
    return client;
  },
  stores: (url) => ({ ledger: mysqlExecutionStore({ url }), deadLetters: mysqlStore({ url }) }),
  cut: async (admin) => {
    const [rows] = (await admin.query("select id from information_schema.processlist where user = 'shop'")) as [{ id: number }[]]; // prettier-ignore
    for (const { id } of rows) await admin.query(`kill ${id}`).catch(() => undefined);
  },
  lock: 'lock tables resilience_executions write, resilience_dead_letters write',
  deadlocks: async (admin) => {
    const [rows] = (await admin.query("show global status like 'Innodb_deadlocks'")) as [[{ Value: string }]];
    return Number(rows[0].Value);
  },
  time: async (admin) => {
    const [rows] = (await admin.query('select unix_timestamp() as now')) as [[{ now: number }]];
    return rows[0].now;
  },
  settings: {
    'read-only': ['set global read_only = on', 'set global read_only = off'],
    'in a hurry': ['set global max_statement_time = 0.0001', 'set global max_statement_time = 0'],
  },
});

/** Those that this machine can start. */
export function findKinds(): [name: string, kind: Kind][] {
  const found = findMysql();
  const kinds: [string, Kind][] = [['PostgreSQL', POSTGRES]];
  if (found && 'program' in found) kinds.push(['MariaDB', MARIADB(found.program)]);
  else process.stderr.write('\nSKIPPED: the faults of a MariaDB were NOT tested. Install it.\n\n');
  return kinds;
}
