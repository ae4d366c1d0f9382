import 'reflect-metadata';

import { describe } from '@jest/globals';
import { NestFactory } from '@nestjs/core';

import { countsOnceForClients } from './counted-once.js';
import { CONTROLLERS, Root, serve } from './http.js';

describe('The only application of a process, HTTP on Express', () => {
  countsOnceForClients(CONTROLLERS, async () => serve(await NestFactory.create(Root, { logger: false })));
});
