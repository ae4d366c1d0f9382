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
  const open = (from: MysqlPool) => ({ kysely: new Kysely<never>({ dialect: dialectOf(from) }) });
  return {
    name: url === undefined ? 'mysql (pool)' : `mysql (${withoutPassword(url)})`,
    durable: true,
    open<Schema>(): Database<Schema> {
      const { shared, release } =
        url === undefined ? borrow(open(callbacks(pool!))) : share(url, () => open(newPool(url, poolSize)));
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

function dialectOf(pool: MysqlPool): MysqlDialect {
  return new MysqlDialect({
    pool: {
      getConnection: (callback) =>
        pool.getConnection((error, connection) =>
          callback(error, connection === undefined ? connection : givenUpWhenHung(connection)),
        ),
      end: (callback) => pool.end(callback),
    },
  });
}

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
