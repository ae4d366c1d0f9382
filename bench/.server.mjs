/** A Nest application on Express with one handler, protected or not; says its port. Started by `http.mjs`. */
import 'reflect-metadata';

import { ResilienceModule } from '@nest-resilience/core';
import { Controller, Get, Module, Param, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { decorate } from './harness/application.mjs';
import { allPolicies } from './peers/ours.mjs';

class Pass { intercept(c, n) { return n.handle(); } }
class Als { intercept(c, n) { return store.run({}, () => n.handle()); } }
const kind = process.argv[2]; const policies = kind === 'five' ? allPolicies() : kind === 'none' ? [] : [UseInterceptors(kind === 'als' ? Als : Pass)];

import { AsyncLocalStorage } from 'node:async_hooks'; const store = new AsyncLocalStorage(); class X {}
class UsersController {
  async get(id) {
    return { id, name: 'Ada' };
  }
}
Param('id')(UsersController.prototype, 'get', 0);
decorate(UsersController, 'get', Get(':id'), ...policies);
Controller('users')(UsersController);

class Application {}
Module({ imports: kind === 'five' ? [ResilienceModule.forRoot()] : [], controllers: [UsersController] })(
  Application,
);

const application = await NestFactory.create(Application, { logger: false });
await application.listen(0, '127.0.0.1');
process.once('disconnect', () => void application.close());
process.send(application.getHttpServer().address().port);
