import 'reflect-metadata';

import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, type INestApplication, Param, Query, Req } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Attempt, type AttemptContext, ResilienceModule, ResilienceService, Retry } from '@nest-resilience/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import request from 'supertest';

interface RequestLike {
  readonly url: string;
}

/** The route passes the request behind the arguments of a decorated handler: nobody else may ever see it. */
@Controller('arguments')
class ArgumentsController {
  calls: unknown[][] = [];
  failures = 0;

  @Get('none')
  @Retry({ maxRetries: 1, strategy: 'immediate' })
  none(...args: unknown[]): string {
    return this.answer(args);
  }

  @Get('optional/:id')
  @Retry({ maxRetries: 1, strategy: 'immediate' })
  optional(@Param('id') id: string, size = 10, @Attempt() attempt?: AttemptContext): string {
    return this.answer([id, size, attempt?.number]);
  }

  @Get('own/:id')
  @Retry({ maxRetries: 1, strategy: 'immediate' })
  own(@Req() req: RequestLike, @Param('id') id: string, @Query('q') q?: string): string {
    return this.answer([req.url, id, q]);
  }

  @Get('self/:id')
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  self(@Param('id') id: string): string {
    return id === 'inner' ? this.answer([id]) : `${id} ${this.self('inner')}`;
  }

  private answer(args: unknown[]): string {
    this.calls.push(args);
    if (this.failures-- > 0) throw new Error('once more');
    return JSON.stringify(args);
  }
}

describe('The arguments of an HTTP handler', () => {
  let app: INestApplication;

  afterEach(() => app.close());

  const serve = async (protectedByUs = true): Promise<ArgumentsController> => {
    const imports = protectedByUs ? [ResilienceModule.forRoot()] : [];
    const module = await Test.createTestingModule({ imports, controllers: [ArgumentsController] }).compile();
    app = module.createNestApplication({ logger: false });
    // A pipe for everything must never meet the request.
    app.useGlobalPipes({
      transform: (value: unknown) => {
        if (typeof value === 'object' && value !== null) throw new Error('a pipe was given an object');
        return value;
      },
    });
    await app.init();
    return app.get(ArgumentsController);
  };
  const get = async (path: string): Promise<string> => {
    const { text } = await request(app.getHttpServer() as never).get(`/arguments/${path}`);
    return text;
  };

  it('are those the route passes, in every attempt: rest parameters, defaults, the attempt, its own @Req()', async () => {
    const controller = await serve();
    controller.failures = 1;

    await expect(get('none')).resolves.toBe('[]');
    await expect(get('optional/7')).resolves.toBe('["7",10,1]');
    await expect(get('own/7?q=x')).resolves.toBe('["/arguments/own/7?q=x","7","x"]');

    expect(controller.calls).toEqual([[], [], ['7', 10, 1], ['/arguments/own/7?q=x', '7', 'x']]);
  });

  it('tell a call of the class itself from one that came over the route: each has policies of its own', async () => {
    const controller = await serve();
    controller.failures = 2;

    const text = await get('self/outer');

    expect(text).toBe('outer ["inner"]');
    expect(controller.calls).toHaveLength(3);
    expect(app.get(ResilienceService).metrics().methods['ArgumentsController.self']).toMatchObject({ total: 2 });
  });

  it('are the same in a later application without the module, where handlers are plain', async () => {
    await serve();
    await app.close();

    const controller = await serve(false);
    controller.failures = 1;

    expect(JSON.parse(await get('none'))).toMatchObject({ statusCode: 500 });
    await expect(get('optional/7')).resolves.toBe('["7",10,null]');
    await expect(get('none')).resolves.toBe('[]');
  });

  it('are no parameters of the OpenAPI document', async () => {
    await serve();

    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());

    expect(paths['/arguments/none']?.get?.parameters).toEqual([]);
    expect(paths['/arguments/own/{id}']?.get?.parameters).toEqual([
      expect.objectContaining({ name: 'id', in: 'path' }),
      expect.objectContaining({ name: 'q', in: 'query' }),
    ]);
  });
});
