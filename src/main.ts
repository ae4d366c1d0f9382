import 'reflect-metadata';

import { ProblemFilter } from '@nest-resilience/workflow';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

import { AppModule } from './app.module.js';
import { readConfiguration } from './configuration/configuration.js';

const logger = new Logger('Service');

async function main(): Promise<void> {
  const configuration = readConfiguration();
  const { HOST, PORT, TCP_PORT, BODY_LIMIT } = configuration;
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(configuration), { bodyParser: false });
  app.useBodyParser('json', { limit: BODY_LIMIT });
  // Also what happens before a route is found (malformed JSON, a body too large) is answered as problem+json.
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  app.enableShutdownHooks();
  const api = new DocumentBuilder().setTitle('nest-resilience').addBearerAuth().build();
  SwaggerModule.setup('openapi', app, () => SwaggerModule.createDocument(app, api));
  if (TCP_PORT !== undefined) {
    app.connectMicroservice<MicroserviceOptions>(
      { transport: Transport.TCP, options: { host: HOST, port: TCP_PORT } },
      { inheritAppConfig: true },
    );
    await app.startAllMicroservices();
  }
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
