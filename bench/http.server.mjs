/** A Nest application on Express with one handler, protected or not; says its port. Started by `http.mjs`. */
import 'reflect-metadata';

import { ResilienceModule } from '@nest-resilience/core';
import { Controller, Get, Injectable, Module, Param, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { decorate } from './harness/application.mjs';
import { allPolicies } from './peers/ours.mjs';

/** What Nest itself needs for any interceptor. */
class Passing {
  intercept(_context, next) {
    return next.handle();
  }
}
Injectable()(Passing);

const protectedByUs = process.argv[2] === 'five';
const decorators = { none: [], passing: [UseInterceptors(Passing)], five: allPolicies() }[process.argv[2]];

class UsersController {
  async get(id) {
    return { id, name: 'Ada' };
  }
}
Param('id')(UsersController.prototype, 'get', 0);
decorate(UsersController, 'get', Get(':id'), ...decorators);
Controller('users')(UsersController);

class Application {}
Module({ imports: protectedByUs ? [ResilienceModule.forRoot()] : [], controllers: [UsersController] })(Application);

const application = await NestFactory.create(Application, { logger: false });
await application.listen(0, '127.0.0.1');
process.once('disconnect', () => void application.close());
process.send(application.getHttpServer().address().port);
