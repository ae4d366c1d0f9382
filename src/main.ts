import 'reflect-metadata';

import { parseDuration, redactedStack, redactText } from '@nest-resilience/core';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { AppModule } from './app.module.js';
import { type Configuration, readConfiguration } from './configuration/configuration.js';
import { configureService } from './configure-service.js';
import { leaveOnSignal } from './shutdown/leave-on-signal.js';
import { startTransport } from './transport/start-transport.js';

const logger = new Logger('Resilience:Service');

/** What a service that could not start gets to let go of what it holds. */
const GRACE_MS = 2_000;

async function main(): Promise<void> {
  const configuration = readConfiguration();
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(configuration), { bodyParser: false });
  try {
    await start(app, configuration);
  } catch (error) {
    // Half a service must not stay up: the client of a broker would go on looking for it.
    setTimeout(() => process.exit(), GRACE_MS).unref();
    void app.close().catch(() => undefined);
    throw error;
  }
  logger.log(`listening on ${await app.getUrl()}, data in ${configuration.DATA_DIR}`);
}

async function start(app: NestExpressApplication, configuration: Configuration): Promise<void> {
  leaveOnSignal(app, {
    delayMs: parseDuration(configuration.SHUTDOWN_DELAY) ?? 0,
    timeoutMs: parseDuration(configuration.SHUTDOWN_TIMEOUT) ?? 0,
  });
  await configureService(app, configuration);
  await startTransport(app, configuration);
  await app.listen(configuration.PORT, configuration.HOST);
}

main().catch((error: unknown) => {
  logger.error(
    redactText(error instanceof Error ? error.message : String(error)),
    error instanceof Error ? redactedStack(error) : undefined,
  );
  process.exitCode = 1;
});
