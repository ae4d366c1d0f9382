import { systemClock } from '@nest-resilience/core';
import { within } from '@nest-resilience/core/kit';
import { ClusterConfigurationError } from '../cluster.errors.js';
import type { ResolvedClusterOptions } from '../cluster.options.js';
import { openRedis, type RedisClient } from './redis-client.js';
import { RedisNames } from './redis-names.js';

/** What the connection was found to be. `away`: later it may work as it is. */
export type BootCheck =
  { readonly kind: 'good'; readonly warnings: readonly string[] } | { readonly kind: 'away'; readonly reason: string };

/** Parts of which each has keys of its own. */
const PARTS = ['circuits', 'limits', 'leases'];

/** Of all of it together. */
export const CHECK_MS = 5_000;
const OLDEST = [6, 2] as const;
const PROBE = `return redis.call('SET', KEYS[1], '1', 'PX', 1000)`;

/**
 * Connects once and tries what will be needed, so that a wrong setting is one error at boot and not a thousand lines later.
 * @throws ClusterConfigurationError for what will not work later either
 */
export async function checkRedis(options: ResolvedClusterOptions): Promise<BootCheck> {
  const { redis } = options;
  const client = openRedis(options, {
    ...{ once: true, lazyConnect: true, enableReadyCheck: false, maxRetriesPerRequest: 0, connectTimeout: CHECK_MS },
  });
  let last: Error | undefined;
  client.on('error', (error: Error) => (last = error));
  const names = new RedisNames(options.prefix);
  const judge = (cause: unknown, reason = reasonOf(cause)): BootCheck => {
    const [problem, wayOut] = refusalOf(reasonOf(cause), cause, options, names) ?? [];
    if (problem !== undefined) throw new ClusterConfigurationError(redis.shown, problem, wayOut!, { cause });
    return { kind: 'away', reason: reason + hint(redis.tls) };
  };
  const work = tryAll(client, options, names).catch((error: unknown) =>
    judge(isEmpty(error) ? (last ?? error) : error),
  );
  try {
    return await within(systemClock, CHECK_MS, work, () => {
      const late = `no answer within ${CHECK_MS / 1000} s`;
      return judge(last ?? late, last === undefined ? late : `${late} (${reasonOf(last)})`);
    });
  } finally {
    client.disconnect();
  }
}

async function tryAll(client: RedisClient, { redis }: ResolvedClusterOptions, names: RedisNames): Promise<BootCheck> {
  await client.connect();
  await client.ping();
  const info = await client.info();
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const version = field('redis_version') ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    throw new Refusal(`its version ${version} is too old`, 'Use Redis 6.2 or later, or Valkey');
  if (field('cluster_enabled') === '1' && redis.kind !== 'cluster')
    throw new Refusal('it is part of a Redis Cluster', 'Write redis+cluster://host1,host2 (or rediss+cluster://)');
  await client.time();
  for (const key of [names.queues, ...PARTS.map((part) => names.keys(part))])
    await client.eval(PROBE, 1, `${key}:probe`);
  await client.publish(names.channel('probe'), '');
  return { kind: 'good', warnings: warningsOf(field('maxmemory_policy'), field('aof_enabled')) };
}

function warningsOf(policy: string | undefined, aof: string | undefined): string[] {
  const eviction =
    policy === undefined
      ? 'it does not say its maxmemory-policy: make sure that it is noeviction'
      : `its maxmemory-policy is ${policy}: what it evicts is lost; set noeviction`;
  const disk =
    aof === undefined
      ? 'it does not say whether it writes an append-only file (appendonly yes)'
      : 'it writes no append-only file: after a crash, order and delays of waiting work are lost; set appendonly yes';
  return [...(policy === 'noeviction' ? [] : [eviction]), ...(aof === '1' ? [] : [disk])];
}

class Refusal extends Error {
  constructor(
    problem: string,
    readonly wayOut: string,
  ) {
    super(problem);
  }
}

/** What is wrong and how to repair it; nothing for what may pass. */
function refusalOf(
  reason: string,
  cause: unknown,
  { redis, ca, prefix }: ResolvedClusterOptions,
  names: RedisNames,
): [string, string] | undefined {
  if (cause instanceof Refusal) return [cause.message, cause.wayOut];
  const user = redis.username ?? 'default';
  const grant = `ACL SETUSER ${user} on ${names.rules} +@all -@admin -@dangerous +info`;
  if (/WRONGPASS|invalid password/i.test(reason))
    return [`it refuses the password of user '${user}' (${reason})`, 'Correct user and password in the URL'];
  if (/NOAUTH|HELLO must be called/i.test(reason))
    return ['it asks for a password', 'Write redis://user:password@host, or redis://:password@host'];
  if (/NOPERM/.test(reason)) {
    const command = /'([^']+)' command/.exec(reason)?.[1];
    if (command !== undefined) return [`user '${user}' may not run ${command.toUpperCase()}`, `Allow it: ${grant}`];
    const what = /channel/.test(reason) ? 'channels' : 'keys';
    return [
      `user '${user}' may not use the ${what} of prefix '${prefix}'`,
      `Correct the prefix, or allow it: ${grant}`,
    ];
  }
  const code = String((cause as { code?: unknown }).code);
  if (/cluster support disabled/i.test(reason)) return ['it is no Redis Cluster', 'Write redis:// or rediss://'];
  if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_UNTRUSTED/.test(code)) {
    const who =
      ca === undefined ? 'no authority that is known here signed' : "the authority in option 'ca' did not sign";
    return [
      `${who} its certificate (${code})`,
      "Give the certificate of its authority as option 'ca' (PEM, or a file)",
    ];
  }
  return /^(CERT_|ERR_TLS_CERT)/.test(code)
    ? [`its certificate does not fit (${reason})`, 'Use a name that is in the certificate, or renew it']
    : undefined;
}

/** Of ioredis: it says the reason only in an event. */
function isEmpty(error: unknown): boolean {
  return error instanceof Error && /^(Connection is closed|None of startup nodes is available)/.test(error.message);
}

/** Of a Redis Cluster the reason is that of its last node. */
function reasonOf(error: unknown): string {
  const { lastNodeError, message } = error as { lastNodeError?: Error; message?: string };
  return (lastNodeError?.message ?? message ?? String(error)).replace(/\.$/, '');
}

function hint(tls: boolean): string {
  return tls ? '; rediss:// needs a server that speaks TLS' : '; a server that speaks TLS needs rediss://';
}
