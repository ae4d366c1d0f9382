import type { Server as NetServer } from 'node:net';

import { parseDuration } from '@nest-resilience/core';
import { AdminGuard } from '@nest-resilience/core/admin';
import { ProblemFilter } from '@nest-resilience/workflow';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

import type { Configuration } from './configuration/configuration.js';
import { secureAnswers } from './http/security-headers.js';
import { limitSlowClients } from './http/slow-clients.js';
import { transportOf } from './transport/transport.js';

/** Everything about the service that is no module: bodies, errors, OpenAPI, the microservice transport. Listens on nothing yet. */
export async function configureService(app: NestExpressApplication, configuration: Configuration): Promise<void> {
  const server = app.getHttpServer();
  const guard = app.get(AdminGuard, { strict: false });
  limitSlowClients(server, {
    connections: configuration.HTTP_CONNECTIONS,
    headersTimeoutMs: parseDuration(configuration.HTTP_HEADERS_TIMEOUT) ?? 0,
    requestTimeoutMs: parseDuration(configuration.HTTP_REQUEST_TIMEOUT) ?? 0,
    mayTakeTime: (request) => guard.refusalOf(request) === undefined,
  });
  secureAnswers(server);
  app.disable('x-powered-by');
  app.useBodyParser('json', { limit: configuration.BODY_LIMIT });
  // Also what happens before a route is found (malformed JSON, a body too large) is answered as problem+json.
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  const api = new DocumentBuilder().setTitle('nest-resilience').addBearerAuth().build();
  SwaggerModule.setup('openapi', app, () => SwaggerModule.createDocument(app, api));
  const transport = await transportOf(configuration);
  if (!transport) return;
  const messages = app.connectMicroservice(transport, { inheritAppConfig: true });
  if (configuration.TRANSPORT === 'tcp') messages.unwrap<NetServer>().maxConnections = configuration.TCP_CONNECTIONS;
}
