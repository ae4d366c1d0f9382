/** A Nest application with health probes, one of whose checks asks a provider; says its port. Started by `health.mjs`. */
import 'reflect-metadata';

import { ResilienceModule } from '@nest-resilience/core';
import { HealthModule, HealthRegistry } from '@nest-resilience/core/health';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const [provider] = process.argv.slice(2);

class Application {}
Module({ imports: [ResilienceModule.forRoot(), HealthModule.forRoot({ store: true, deadLetters: true })] })(
  Application,
);

const application = await NestFactory.create(Application, { logger: false });
const ask = async ({ signal }) => (await fetch(provider, { signal })).text();
// Often, so that a check of a provider that hangs is always on its way.
const often = { critical: false, interval: '100ms', timeout: '1s' };
application.get(HealthRegistry).register('provider', ask, often);
await application.listen(0, '127.0.0.1');
process.once('disconnect', () => void application.close());
process.send(application.getHttpServer().address().port);
