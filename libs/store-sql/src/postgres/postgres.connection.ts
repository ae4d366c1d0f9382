import { neverShowPasswordOf } from '@nest-resilience/core';
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import type { Database, DatabaseSource, LeaseClock } from '../database/database.js';
import { loadDriver } from '../database/load-driver.js';
import { ANSWER_MS, limitOf, migrate } from '../database/migrations.js';
import { borrow, share } from '../database/shared.js';
import { withoutPassword } from '../database/url.js';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. Stores with the same one share a pool. */
  readonly url?: string;
  /** A pool of `pg` that is there already, instead of `url`. It stays open when the store is closed. */
  readonly pool?: PostgresPool;
  /** Connections at most, with `url`. @default 10 */
  readonly poolSize?: number;
  /** By whose clock leases run out. `'caller'` is for tests: the clocks of replicas differ. @default 'database' */
  readonly leaseClock?: LeaseClock;
}

/** @throws Error when there is neither `url` nor `pool`, or both */
export function postgresSource(options: PostgresOptions): DatabaseSource {
  const { url, pool, poolSize = 10, leaseClock = 'database' } = options;
  if ((url === undefined) === (pool === undefined))
    throw new Error("postgresStore takes either a `url` ('postgres://user:password@host/database') or a `pool` of pg");
  neverShowPasswordOf(url);
  const open = (pg: PostgresPool) => ({ kysely: new Kysely<never>({ dialect: dialectOf(pg) }) });
  return {
    name: url === undefined ? 'postgres (pool)' : `postgres (${withoutPassword(url)})`,
    durable: true,
    networked: true,
    open<Schema>(): Database<Schema> {
      const { shared, release } =
        url === undefined ? borrow(open(pool!)) : share(url, () => open(newPool(url, poolSize)));
      return {
        ...{ flavour: 'postgres', leaseClock, kysely: shared.kysely as unknown as Kysely<Schema> },
        migrate: (component, steps) => migrate(shared.kysely, 'postgres', component, steps),
        close: release,
      };
    },
  };
}

interface Emitter {
  on(event: string, listener: (client: Emitter) => void): void;
}

function newPool(url: string, max: number): PostgresPool {
  const { Pool } = loadDriver('pg', 'postgresStore', ', or pass a `pool`') as {
    Pool: new (config: object) => PostgresPool & Emitter;
  };
  const pool = new Pool({
    ...{ connectionString: url, max, application_name: 'nest-resilience' },
    ...{ connectionTimeoutMillis: 5_000, query_timeout: ANSWER_MS, keepAlive: true, allowExitOnIdle: true },
  });
  // Connections that the server closes are replaced by the pool; without listeners the process would end.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

function dialectOf(pool: PostgresPool): PostgresDialect {
  return new PostgresDialect({
    pool: { connect: async () => discardedWhenUseless(await pool.connect()), end: () => pool.end() },
  });
}

type Query = (text: string | object, parameters: readonly unknown[]) => Promise<unknown>;

function withOwnLimit(text: string): string | object {
  const limitMs = limitOf(text);
  return limitMs === ANSWER_MS ? text : { text, query_timeout: limitMs };
}

/**
 * A connection whose query was given up still waits for the answer, and one to which the server has said goodbye is about to
 * close: nobody may get either from the pool again.
 */
function discardedWhenUseless(client: PostgresPoolClient): PostgresPoolClient {
  let useless: Error | undefined;
  const query = async (text: string, parameters: readonly unknown[]) => {
    if (useless) throw useless;
    try {
      return await (client.query as unknown as Query).call(client, withOwnLimit(text), parameters);
    } catch (error) {
      const isRollback = text === 'rollback';
      if ((error as Error).message === 'Query read timeout' || isGoodbye(error) || isRollback) useless = error as Error;
      // Why there was something to undo says more than that it could not be undone.
      if (isRollback) return { command: 'ROLLBACK', rowCount: null, rows: [] };
      throw error;
    }
  };
  const release = () => (client.release as (destroy: boolean) => void).call(client, useless !== undefined);
  return { query, release } as unknown as PostgresPoolClient;
}

/** By its code too: servers say the severity in their own language. */
function isGoodbye(error: unknown): boolean {
  const { severity, code } = error as { readonly severity?: unknown; readonly code?: unknown };
  return severity === 'FATAL' || severity === 'PANIC' || /^57P0/.test(String(code));
}
