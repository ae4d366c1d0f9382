import 'reflect-metadata';

import { parseDuration } from '@nest-resilience/core';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { AppModule } from './app.module.js';
import { readConfiguration } from './configuration/configuration.js';
import { configureService } from './configure-service.js';
import { leaveOnSignal } from './shutdown/leave-on-signal.js';

const logger = new Logger('Service');

async function main(): Promise<void> {
  const configuration = readConfiguration();
  const { HOST, PORT } = configuration;
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(configuration), { bodyParser: false });
  await configureService(app, configuration);
  const timeoutMs = parseDuration(configuration.SHUTDOWN_TIMEOUT) ?? 0;
  leaveOnSignal(app, {
    delayMs: parseDuration(configuration.SHUTDOWN_DELAY) ?? 0,
    // Workflow steps and then other calls may each take the whole of it.
    cutAfterMs: 2 * timeoutMs,
  });
  await app.startAllMicroservices();
  await app.listen(PORT, HOST);
  logger.log(`listening on ${await app.getUrl()}, data in ${configuration.DATA_DIR}`);
}

main().catch((error: unknown) => {
  logger.error(
    error instanceof Error ? error.message : String(error),
    error instanceof Error ? error.stack : undefined,
  );
  process.exitCode = 1;
});
