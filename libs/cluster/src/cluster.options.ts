import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import { option } from '@nest-resilience/core';
import { readPrefix } from './connection/redis-names.js';
import { readRedisTarget, type RedisTarget } from './connection/redis-target.js';

const CLUSTER = option.options({
  /**
   * Where Redis (6.2 or later) or Valkey is: `redis://user:password@host:6379/0`, `rediss://` with TLS, `redis+sentinel://host1,host2/master`,
   * `redis+cluster://host1,host2`; the last two with TLS as `rediss+...`.
   */
  redis: option.required(option.custom<string, RedisTarget>(readRedisTarget), 'a URL such as redis://localhost:6379'),
  /** Of a server whose certificate no public authority signed: the certificate of its authority, or a file with it. PEM. */
  ca: option.custom<string, string>(readCertificate),
  /** Keys and channels begin with it; braces are added for Redis Cluster, your own are kept. */
  prefix: option.custom<string, string, 'nr'>(readPrefix, { fallback: 'nr', default: 'nr' }),
  /** No two replicas may have the same. @default host name and chance */
  replicaId: option.custom<string, string>((value, at) =>
    typeof value === 'string' && /^[\w.:-]{1,100}$/.test(value)
      ? value
      : at.refuse(value, 'up to 100 letters, digits and any of . : _ -'),
  ),
  /** Replicas that must have opened a circuit before it is open everywhere. */
  quorum: option.whole(1, { min: 1 }),
  /** After so long without a sign of life, what a replica had in hand is given to others. */
  lease: option.duration(10_000, { min: 1000 }),
  /** How often is looked for what got lost. */
  sweep: option.duration(3_000, { min: 100 }),
  /** Redis has this long to answer what a call may be waiting for; then this replica decides alone. */
  commandTimeout: option.duration(50, { min: 1 }),
});

/** Options of `ClusterModule.forRoot`. */
export interface ClusterModuleOptions extends option.OptionsOf<typeof CLUSTER.spec> {}

/** Durations in milliseconds. */
export const DEFAULT_CLUSTER_OPTIONS = CLUSTER.default;

export type ResolvedClusterOptions = option.ResolvedOf<typeof CLUSTER.spec> & { readonly replicaId: string };

/** @throws ResilienceOptionsError with every problem at once */
export function readClusterOptions(input: ClusterModuleOptions | undefined): ResolvedClusterOptions {
  const options = option.read(CLUSTER, input, 'ClusterModule.forRoot');
  return { ...options, replicaId: options.replicaId ?? `${hostname()}-${randomBytes(4).toString('hex')}` };
}

function readCertificate(value: unknown, at: option.Place): string | undefined {
  if (typeof value !== 'string' || value === '') return at.refuse(value, 'a certificate (PEM), or the path of a file');
  const pem = value.includes('-----BEGIN') ? value : existsSync(value) ? readFileSync(value, 'utf8') : undefined;
  if (pem === undefined) return at.refuse(value, 'a file that exists');
  return pem.includes('-----BEGIN CERTIFICATE') ? pem : at.refuse(value, 'PEM: -----BEGIN CERTIFICATE-----');
}
