import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { ResolvedClusterOptions } from '../cluster.options.js';

export type RedisClient = Redis | Cluster;

const MAX_RECONNECT_MS = 2_000;
const reconnectMs = (times: number): number => Math.min(MAX_RECONNECT_MS, 50 * 2 ** times);

/** A client that connects by itself, and again; what it cannot say without one is an `error` event that somebody must listen to. */
export function openRedis(
  { redis, ca }: Pick<ResolvedClusterOptions, 'redis' | 'ca'>,
  more: RedisOptions & { readonly once?: boolean } = {},
): RedisClient {
  const { once = false, ...options } = more;
  const { kind, hosts, master, db, tls, username, password } = redis;
  const secure = tls ? { tls: ca === undefined ? {} : { ca } } : {};
  const again = once ? () => null : reconnectMs;
  const base: RedisOptions = {
    ...{ db, ...(username !== undefined && { username }), ...(password !== undefined && { password }), ...secure },
    // Behind Sentinel: a master that became a replica.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...options,
  };
  if (kind === 'cluster') {
    const { lazyConnect = false, enableOfflineQueue = true } = options;
    const perNode = { ...base, lazyConnect: true, enableOfflineQueue: true };
    return new Cluster([...hosts], {
      ...{ lazyConnect, enableOfflineQueue, clusterRetryStrategy: again, redisOptions: perNode },
      // Names of a certificate are not to be replaced by addresses.
      ...(tls && { dnsLookup: (address, done) => done(null, address) }),
    });
  }
  if (kind === 'server') return new Redis({ ...base, ...hosts[0], retryStrategy: again });
  return new Redis({
    ...{ ...base, sentinels: [...hosts], name: master, retryStrategy: again, sentinelRetryStrategy: again },
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: secure.tls }),
  });
}
