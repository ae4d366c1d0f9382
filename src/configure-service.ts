import { ProblemFilter } from '@nest-resilience/workflow';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

import type { Configuration } from './configuration/configuration.js';
import { transportOf } from './transport/transport.js';

/** Everything about the service that is no module: bodies, errors, OpenAPI, the microservice transport. Listens on nothing yet. */
export async function configureService(app: NestExpressApplication, configuration: Configuration): Promise<void> {
  app.useBodyParser('json', { limit: configuration.BODY_LIMIT });
  // Also what happens before a route is found (malformed JSON, a body too large) is answered as problem+json.
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  const api = new DocumentBuilder().setTitle('nest-resilience').addBearerAuth().build();
  SwaggerModule.setup('openapi', app, () => SwaggerModule.createDocument(app, api));
  const transport = await transportOf(configuration);
  if (transport) app.connectMicroservice(transport, { inheritAppConfig: true });
}
