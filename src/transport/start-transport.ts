import type { INestApplication } from '@nestjs/common';

import type { Configuration } from '../configuration/configuration.js';

/**
 * Takes messages from here on. Initialises the application before, unless somebody has: a message that came earlier would be
 * refused, although another replica could have taken it.
 * @throws Error that names the setting: what a broker's client says of itself does not tell where it looked
 */
export async function startTransport(
  app: Pick<INestApplication, 'init' | 'startAllMicroservices'>,
  configuration: Configuration,
): Promise<void> {
  await app.init();
  try {
    await app.startAllMicroservices();
  } catch (error) {
    const { setting, address } = placeOf(configuration);
    throw new Error(
      `TRANSPORT=${configuration.TRANSPORT} cannot start at ${address}: ${(error as Error).message}. ` +
        `Correct ${setting}, or set TRANSPORT=none to do without messages.`,
      { cause: error },
    );
  }
}

function placeOf({ TRANSPORT, TCP_HOST, TCP_PORT, NATS_URL, REDIS_URL }: Configuration) {
  if (TRANSPORT === 'nats') return { setting: 'NATS_URL', address: new URL(NATS_URL).host };
  if (TRANSPORT === 'redis') return { setting: 'REDIS_URL', address: new URL(REDIS_URL).host };
  return { setting: 'TCP_HOST or TCP_PORT', address: `${TCP_HOST}:${TCP_PORT}` };
}
