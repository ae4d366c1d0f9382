import { type MicroserviceOptions, Transport } from '@nestjs/microservices';

import { type Configuration, ConfigurationError } from '../configuration/configuration.js';

/** What Nest loads for a transport that needs more than Node. */
const PACKAGES = { nats: '@nats-io/transport-node', redis: 'ioredis' } as const;

/**
 * The microservice transport that the settings ask for; `undefined` for none.
 * @throws ConfigurationError when the package it needs is not installed: Nest would end the process without a word of why
 */
export async function transportOf(configuration: Configuration): Promise<MicroserviceOptions | undefined> {
  switch (configuration.TRANSPORT) {
    case 'none':
      return undefined;
    case 'tcp':
      return {
        transport: Transport.TCP,
        options: {
          host: configuration.TCP_HOST,
          port: configuration.TCP_PORT,
          maxBufferSize: configuration.BODY_LIMIT,
        },
      };
    case 'nats':
      await requirePackage('nats');
      // One of the replicas takes each message.
      return { transport: Transport.NATS, options: { servers: [configuration.NATS_URL], queue: 'nest-resilience' } };
    case 'redis': {
      await requirePackage('redis');
      const { hostname, port, username, password, protocol } = new URL(configuration.REDIS_URL);
      return {
        transport: Transport.REDIS,
        options: {
          host: hostname,
          port: Number(port || 6379),
          ...(username !== '' && { username: decodeURIComponent(username) }),
          ...(password !== '' && { password: decodeURIComponent(password) }),
          ...(protocol === 'rediss:' && { tls: {} }),
          retryAttempts: Number.MAX_SAFE_INTEGER,
          retryDelay: 1_000,
        },
      };
    }
  }
}

async function requirePackage(transport: keyof typeof PACKAGES): Promise<void> {
  const name = PACKAGES[transport];
  try {
    await import(name);
  } catch {
    const message = `'${transport}' needs the package ${name}: npm install ${name}`;
    throw new ConfigurationError([{ name: 'TRANSPORT', source: 'environment', message }]);
  }
}
