import { neverShowPasswordOf } from '@nest-resilience/core';
import { Kysely, MysqlDialect, type MysqlPool, type MysqlPoolConnection } from 'kysely';
import type { Database, DatabaseSource, LeaseClock } from '../database/database.js';
import { loadDriver } from '../database/load-driver.js';
import { limitOf, migrate } from '../database/migrations.js';
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

/** Also of the wait for a free connection, for which the driver has no limit. */
const CONNECT_MS = 5_000;
/** @throws Error when there is neither `url` nor `pool`, or both */
export function mysqlSource(options: MysqlOptions): DatabaseSource {
  const { url, pool, poolSize = 10, leaseClock = 'database' } = options;
  if ((url === undefined) === (pool === undefined))
    throw new Error("mysqlStore takes either a `url` ('mysql://user:password@host/database') or a `pool` of mysql2");
  neverShowPasswordOf(url);
  const open = (from: MysqlPool, checkMode: CheckMode) => {
    const server: Server = {};
    return { server, kysely: new Kysely<never>({ dialect: dialectOf(from, server, checkMode) }) };
  };
  return {
    name: url === undefined ? 'mysql (pool)' : `mysql (${withoutPassword(url)})`,
    durable: true,
    networked: true,
    open<Schema>(): Database<Schema> {
      const { shared, release } =
        url === undefined
          ? borrow(open(callbacks(pool!), checkSqlMode))
          : share(url, () => open(newPool(url, poolSize), setSqlMode));
      return {
        ...{ flavour: 'mysql', leaseClock, kysely: shared.kysely as unknown as Kysely<Schema> },
        get groupBytes() {
          return groupBytesOf(shared.server.packet);
        },
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
  return mysql.createPool({
    uri,
    connectionLimit,
    connectTimeout: CONNECT_MS,
    enableKeepAlive: true,
    charset: 'utf8mb4',
  });
}

/** What a server said of itself when a connection was made. */
interface Server {
  /** Bytes of a statement at most: `max_allowed_packet`. */
  packet?: number;
}

function dialectOf(pool: MysqlPool, server: Server, checkMode: CheckMode): MysqlDialect {
  const ready = new WeakSet<MysqlPoolConnection>();
  const connect = async (): Promise<MysqlPoolConnection> => {
    const connection = await freeConnection(pool);
    const guarded = givenUpWhenHung(connection, server);
    if (ready.has(connection)) return guarded;
    try {
      await prepare(guarded, server, checkMode);
    } catch (error) {
      guarded.release();
      throw error;
    }
    ready.add(connection);
    return guarded;
  };
  return new MysqlDialect({
    pool: {
      getConnection: (callback) =>
        void connect().then(
          (connection) => callback(null, connection),
          (error: unknown) => callback(error, undefined as never),
        ),
      end: (callback) => pool.end(callback),
    },
  });
}

/** One that comes when nobody waits any longer goes back. */
function freeConnection(pool: MysqlPool): Promise<MysqlPoolConnection> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      const message = `no connection of the pool has become free within ${CONNECT_MS} ms`;
      reject(Object.assign(new Error(message), { code: 'ER_GET_CONNECTION_TIMEOUT' }));
    }, CONNECT_MS);
    pool.getConnection((error, connection) => {
      clearTimeout(timer);
      if (late) return connection?.release();
      if (error) reject(error);
      else resolve(connection);
    });
  });
}

/** @throws Error for a connection on which nothing may be asked */
async function prepare(connection: MysqlPoolConnection, server: Server, checkMode: CheckMode): Promise<void> {
  const ask = (sql: string) =>
    new Promise<readonly Variables[]>((resolve, reject) =>
      connection.query(sql, [], (error, rows) =>
        error ? reject(error) : resolve(rows as unknown as readonly Variables[]),
      ),
    );
  const [variables] = await checkMode(ask);
  if (variables) server.packet = variables.packet;
}

interface Variables {
  readonly mode: string;
  readonly packet: number;
}

type CheckMode = (ask: (sql: string) => Promise<readonly Variables[]>) => Promise<readonly Variables[]>;

/** Escaping makes at most two bytes of one; the rest is for the statement around the texts. */
function groupBytesOf(packet: number | undefined): number | undefined {
  return packet === undefined ? undefined : Math.max(1, packet / 2 - 65_536);
}

const VARIABLES = 'select @@session.sql_mode as mode, @@session.max_allowed_packet as packet';

/**
 * The driver writes values into the statement and escapes them with backslashes, as the server reads them in this mode and not under
 * NO_BACKSLASH_ESCAPES, where an apostrophe would end the value. Strict: what does not fit is an error and never cut.
 */
const setSqlMode: CheckMode = async (ask) => {
  await ask("set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'");
  return ask(VARIABLES);
};

/** A pool of the application keeps the application's mode, and is refused where values would not be safe in it. */
const checkSqlMode: CheckMode = async (ask) => {
  const found = await ask(VARIABLES);
  const modes = (found[0]?.mode ?? '').split(',');
  const strict = modes.includes('STRICT_ALL_TABLES') || modes.includes('STRICT_TRANS_TABLES');
  if (strict && !modes.includes('NO_BACKSLASH_ESCAPES')) return found;
  throw new Error(
    `mysqlStore cannot use this pool: its sql_mode is '${modes.join()}', in which values are ${strict ? 'read as SQL' : 'cut silently'}. ` +
      "Have it set to a strict one without NO_BACKSLASH_ESCAPES ('STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'), or give the store a `url`",
  );
};

type Query = (options: object, callback: (error: unknown, result: unknown) => void) => void;

function givenUpWhenHung(connection: MysqlPoolConnection, server: Server): MysqlPoolConnection {
  let useless: unknown;
  const query = (sql: string, values: readonly unknown[], callback: (error: unknown, result: unknown) => void) => {
    if (useless !== undefined) return callback(useless, undefined);
    const tooLarge = tooLargeFor(server, sql, values);
    if (tooLarge) return callback(tooLarge, undefined);
    (connection.query as unknown as Query).call(connection, { sql, values, timeout: limitOf(sql) }, (error, result) => {
      // Why there was something to undo says more than that it could not be undone.
      const isRollback = sql === 'rollback';
      if (isHung(error) || (error && isRollback)) useless = error;
      callback(isRollback ? null : named(error), result);
    });
  };
  // A connection whose query was given up still waits for the answer: nobody may get it from the pool again.
  const release = () =>
    useless === undefined ? connection.release() : (connection as unknown as { destroy(): void }).destroy();
  return { query, release } as unknown as MysqlPoolConnection;
}

/** The server would cut the connection, and nobody could tell that from a server that goes away. */
function tooLargeFor({ packet = Infinity }: Server, sql: string, values: readonly unknown[]): Error | undefined {
  const texts = values.filter((value) => typeof value === 'string');
  let bytes = sql.length + texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes * 2 <= packet) return undefined;
  // eslint-disable-next-line no-control-regex -- what the driver escapes
  for (const text of texts) bytes += text.match(/[\0\b\t\n\r\x1a"'\\]/g)?.length ?? 0;
  if (bytes <= packet) return undefined;
  const message = `A statement of ${bytes} bytes is more than the server's max_allowed_packet of ${packet}`;
  return Object.assign(new Error(message), { code: 'ER_NET_PACKET_TOO_LARGE' });
}

function isHung(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'PROTOCOL_SEQUENCE_TIMEOUT';
}

/** The driver has no code for a connection that closed between two statements. */
function named(error: unknown): unknown {
  const { fatal, code } = (error ?? {}) as { fatal?: unknown; code?: unknown };
  return fatal === true && code === undefined
    ? Object.assign(error as Error, { code: 'PROTOCOL_CONNECTION_LOST' })
    : error;
}
