import { neverShowPasswordOf } from '@nest-resilience/core';
import { Kysely, MysqlDialect, type MysqlPool, type MysqlPoolConnection } from 'kysely';
import type { Database, DatabaseSource, LeaseClock } from '../database/database.js';
import { loadDriver } from '../database/load-driver.js';
import { migrate } from '../database/migrations.js';
import { borrow, share } from '../database/shared.js';
import { withoutPassword } from '../database/url.js';

export interface MysqlOptions {
  /** `mysql://user:password@host:port/database`, MySQL 8.0 or MariaDB 10.6 and later. Stores with the same one share a pool. */
  readonly url?: string;
  /** A pool of `mysql2` that is there already, instead of `url`. It stays open when the store is closed. */
  readonly pool?: MysqlPool;
  /** Connections at most, with `url`. @default 10 */
  readonly poolSize?: number;
  /** By whose clock leases run out. `'caller'` is for tests: the clocks of replicas differ. @default 'database' */
  readonly leaseClock?: LeaseClock;
}

/** A server that does not answer is a store that fails: the entry goes to the spill, and nobody waits any longer. */
const ANSWER_MS = 10_000;

/** @throws Error when there is neither `url` nor `pool`, or both */
export function mysqlSource(options: MysqlOptions): DatabaseSource {
  const { url, pool, poolSize = 10, leaseClock = 'database' } = options;
  if ((url === undefined) === (pool === undefined))
    throw new Error("mysqlStore takes either a `url` ('mysql://user:password@host/database') or a `pool` of mysql2");
  neverShowPasswordOf(url);
  const open = (from: MysqlPool, ready: Prepare) => ({
    kysely: new Kysely<never>({ dialect: dialectOf(from, ready) }),
  });
  return {
    name: url === undefined ? 'mysql (pool)' : `mysql (${withoutPassword(url)})`,
    durable: true,
    open<Schema>(): Database<Schema> {
      const { shared, release } =
        url === undefined
          ? borrow(open(callbacks(pool!), checkSqlMode))
          : share(url, () => open(newPool(url, poolSize), setSqlMode));
      return {
        ...{ flavour: 'mysql', leaseClock, kysely: shared.kysely as unknown as Kysely<Schema> },
        migrate: (component, steps) => migrate(shared.kysely, 'mysql', component, steps),
        close: release,
      };
    },
  };
}

/** `mysql2/promise` wraps the pool that Kysely wants. */
function callbacks(pool: MysqlPool & { readonly pool?: unknown }): MysqlPool {
  return (pool.pool as MysqlPool | undefined) ?? pool;
}

function newPool(uri: string, connectionLimit: number): MysqlPool {
  const mysql = loadDriver('mysql2', 'mysqlStore', ', or pass a `pool`') as {
    createPool(config: object): MysqlPool;
  };
  return mysql.createPool({ uri, connectionLimit, connectTimeout: 5_000, enableKeepAlive: true, charset: 'utf8mb4' });
}

/** Calls back with an error for a connection on which nothing may be asked. */
type Prepare = (connection: MysqlPoolConnection, done: (error?: unknown) => void) => void;

function dialectOf(pool: MysqlPool, prepare: Prepare): MysqlDialect {
  const ready = new WeakSet<MysqlPoolConnection>();
  return new MysqlDialect({
    pool: {
      getConnection: (callback) =>
        pool.getConnection((error, connection) => {
          if (connection === undefined || ready.has(connection))
            return callback(error, connection && givenUpWhenHung(connection));
          const guarded = givenUpWhenHung(connection);
          prepare(guarded, (refused) => {
            if (refused) guarded.release();
            else ready.add(connection);
            callback(refused, guarded);
          });
        }),
      end: (callback) => pool.end(callback),
    },
  });
}

/**
 * The driver writes values into the statement and escapes them with backslashes, as the server reads them in this mode and not under
 * NO_BACKSLASH_ESCAPES, where an apostrophe would end the value. Strict: what does not fit is an error and never cut.
 */
const setSqlMode: Prepare = (connection, done) =>
  connection.query("set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'", [], done);

/** A pool of the application keeps the application's mode, and is refused where values would not be safe in it. */
const checkSqlMode: Prepare = (connection, done) =>
  connection.query('select @@session.sql_mode as mode', [], (error, rows) => {
    if (error) return done(error);
    const modes = ((rows as unknown as readonly { mode: string }[])[0]?.mode ?? '').split(',');
    const strict = modes.includes('STRICT_ALL_TABLES') || modes.includes('STRICT_TRANS_TABLES');
    if (strict && !modes.includes('NO_BACKSLASH_ESCAPES')) return done();
    done(
      new Error(
        `mysqlStore cannot use this pool: its sql_mode is '${modes.join()}', in which values are ${strict ? 'read as SQL' : 'cut silently'}. ` +
          "Have it set to a strict one without NO_BACKSLASH_ESCAPES ('STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'), or give the store a `url`",
      ),
    );
  });

type Query = (options: object, callback: (error: unknown, result: unknown) => void) => void;

function givenUpWhenHung(connection: MysqlPoolConnection): MysqlPoolConnection {
  let hung: unknown;
  const query = (sql: string, values: readonly unknown[], callback: (error: unknown, result: unknown) => void) => {
    if (hung !== undefined) return callback(hung, undefined);
    (connection.query as unknown as Query).call(connection, { sql, values, timeout: ANSWER_MS }, (error, result) => {
      if ((error as { code?: unknown } | null)?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') hung = error;
      callback(error, result);
    });
  };
  // A connection whose query was given up still waits for the answer: nobody may get it from the pool again.
  const release = () =>
    hung === undefined ? connection.release() : (connection as unknown as { destroy(): void }).destroy();
  return { query, release } as unknown as MysqlPoolConnection;
}
