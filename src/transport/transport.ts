import { neverShowPasswordOf, parseDuration } from '@nest-resilience/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';

import { type Configuration, ConfigurationError } from '../configuration/configuration.js';
import { boundedSocket } from './bounded-socket.js';

/** What Nest loads for a transport that needs more than Node. */
const PACKAGES = { nats: '@nats-io/transport-node', redis: 'ioredis' } as const;

type Load = (name: string) => Promise<unknown>;

/**
 * The microservice transport that the settings ask for; `undefined` for none.
 * @throws ConfigurationError when the package it needs is not installed: Nest would end the process without a word of why
 */
export async function transportOf(
  configuration: Configuration,
  load: Load = (name) => import(name),
): Promise<MicroserviceOptions | undefined> {
  switch (configuration.TRANSPORT) {
    case 'none':
      return undefined;
    case 'tcp':
      return {
        transport: Transport.TCP,
        options: {
          host: configuration.TCP_HOST,
          port: configuration.TCP_PORT,
          socketClass: boundedSocket({
            frameBytes: configuration.BODY_LIMIT,
            frameTimeoutMs: parseDuration(configuration.TCP_FRAME_TIMEOUT) ?? 0,
            unfinishedBytes: configuration.TCP_UNFINISHED,
          }),
        },
      };
    case 'nats':
      neverShowPasswordOf(configuration.NATS_URL);
      await requirePackage('nats', load);
      return { transport: Transport.NATS, options: natsOptions(configuration.NATS_URL) };
    case 'redis':
      neverShowPasswordOf(configuration.REDIS_URL);
      await requirePackage('redis', load);
      return { transport: Transport.REDIS, options: redisOptions(configuration.REDIS_URL) };
  }
}

function natsOptions(text: string): object {
  const { protocol, host, username, password } = new URL(text);
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    // The client reads neither the protocol nor the credentials of an address.
    servers: [host],
    ...(protocol === 'tls:' && { tls: {} }),
    ...(pass !== '' && { user, pass }),
    ...(pass === '' && user !== '' && { token: user }),
    // One of the replicas takes each message.
    queue: 'nest-resilience',
    // By default it gives up after ten attempts, and the service would hear nothing any more.
    maxReconnectAttempts: -1,
  };
}

function redisOptions(text: string): object {
  const { protocol, hostname, port, username, password } = new URL(text);
  return {
    // An IPv6 address stands in brackets there, and only there.
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || 6379),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
    retryAttempts: Number.MAX_SAFE_INTEGER,
    retryDelay: 1_000,
  };
}

async function requirePackage(transport: keyof typeof PACKAGES, load: Load): Promise<void> {
  const name = PACKAGES[transport];
  try {
    await load(name);
  } catch (error) {
    const missing = String((error as { code?: unknown } | null)?.code).endsWith('MODULE_NOT_FOUND');
    const why = missing ? '' : `, which cannot be loaded (${String(error)})`;
    const message = `'${transport}' needs the package ${name}${why}: npm install ${name}`;
    throw new ConfigurationError([{ name: 'TRANSPORT', source: 'environment', message }]);
  }
}
