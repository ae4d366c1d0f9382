/**
 * Pain 18, nestjs/swagger#217, open-telemetry/opentelemetry-js-contrib#633, PR#796 (a route left unprotected),
 * typeorm-transactional-cls-hooked#15, Papooch/nestjs-cls PR#150: a wrapper drops what other decorators wrote on the method, and a
 * guard that reads its role finds none. Here the method keeps all of it, in either order of writing.
 */
import 'reflect-metadata';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  Delete,
  type ExecutionContext,
  HttpCode,
  Injectable,
  type INestApplication,
  Param,
  ParseIntPipe,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { CircuitBreaker, ResilienceModule, Retry } from '@nest-resilience/core';
import { ApiOperation, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import request from 'supertest';

import { nestjsResilience } from './peers/nestjs-resilience.js';

const QUICK = { maxRetries: 1, strategy: 'immediate', budget: false } as const;

/** Opens every route that names no role: what a lost role does. */
@Injectable()
class RoleGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const role: unknown = Reflect.getMetadata('role', context.getHandler());
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    return role === undefined || headers['x-role'] === role;
  }
}

@Controller('orders')
@UseGuards(RoleGuard)
class OrdersController {
  @Retry(QUICK)
  @CircuitBreaker()
  @Delete('above/:id')
  @HttpCode(204)
  @SetMetadata('role', 'admin')
  @ApiOperation({ summary: 'Ours above' })
  above(@Param('id', ParseIntPipe) _id: number): void {}

  @Delete('below/:id')
  @HttpCode(204)
  @SetMetadata('role', 'admin')
  @ApiOperation({ summary: 'Ours below' })
  @CircuitBreaker()
  @Retry(QUICK)
  below(@Param('id', ParseIntPipe) _id: number): void {}
}

@Injectable()
class Jobs {
  runs: string[] = [];

  @Retry(QUICK)
  @Cron('0 0 1 1 *', { name: 'above' })
  @OnEvent('above')
  async above(): Promise<void> {
    this.run('above');
  }
  @Cron('0 0 1 1 *', { name: 'below' })
  @OnEvent('below')
  @Retry(QUICK)
  async below(): Promise<void> {
    this.run('below');
  }
  private run(name: string): void {
    this.runs.push(name);
    if (this.runs.length === 1) throw new Error('not yet');
  }
}

describe('Pain 18: wrapping loses Nest metadata', () => {
  let app: INestApplication;

  beforeEach(async () => {
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot(), ScheduleModule.forRoot(), EventEmitterModule.forRoot()],
      controllers: [OrdersController],
      providers: [Jobs],
    }).compile();
    app = module.createNestApplication({ logger: false });
    await app.init();
  });

  afterEach(() => app.close());

  describe.each(['above', 'below'] as const)('with our decorators %s the others', (order) => {
    it('the guard still closes the route, and pipes and status hold', async () => {
      const server = request(app.getHttpServer() as Parameters<typeof request>[0]);

      await server.delete(`/orders/${order}/1`).expect(403);
      await server.delete(`/orders/${order}/1`).set('x-role', 'admin').expect(204);
      await server.delete(`/orders/${order}/one`).set('x-role', 'admin').expect(400);
    });

    it('the route is documented', () => {
      const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());

      expect(paths[`/orders/${order}/{id}`]?.delete?.summary).toBe(`Ours ${order}`);
    });

    it('the job is scheduled and retried', async () => {
      await app.get(SchedulerRegistry).getCronJob(order).fireOnTick();
      await new Promise(setImmediate);

      expect(app.get(Jobs).runs).toEqual([order, order]);
    });

    it('the listener hears, and is retried', async () => {
      await app.get(EventEmitter2).emitAsync(order);

      expect(app.get(Jobs).runs).toEqual([order, order]);
    });

    it('the method keeps its name and length', () => {
      const method = OrdersController.prototype[order];

      expect([method.name, method.length]).toEqual([order, 1]);
    });
  });

  describe('the peer', () => {
    it('nestjs-resilience drops role and name: a guard that opens what names no role is open', async () => {
      expect((await nestjsResilience()).metadata).toEqual({ role: null, name: '' });
    });
  });
});
