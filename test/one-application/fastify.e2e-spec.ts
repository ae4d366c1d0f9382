import 'reflect-metadata';

import { describe } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';

import { countsOnceForClients } from './counted-once.js';
import { CONTROLLERS, Root, serve } from './http.js';

describe('The only application of a process, HTTP on Fastify', () => {
  countsOnceForClients(CONTROLLERS, async () =>
    serve(await NestFactory.create(Root, new FastifyAdapter(), { logger: false })),
  );
});
