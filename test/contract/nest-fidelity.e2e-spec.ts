import 'reflect-metadata';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Inject,
  Injectable,
  type INestApplication,
  Param,
  ParseIntPipe,
  type PipeTransform,
  Scope,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import {
  Attempt,
  type AttemptContext,
  CircuitBreaker,
  Fallback,
  type FallbackContext,
  ResilienceModule,
  ResilienceOptionsError,
  ResilienceService,
  Retry,
} from '@nest-resilience/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { map, type Observable } from 'rxjs';
import request from 'supertest';

const quick = { maxRetries: 2, strategy: 'immediate' } as const;

let entered: string[];

@Injectable()
class RoleGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    entered.push(`guard:${Reflect.getMetadata('role', context.getHandler())}`);
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-role'] === 'admin';
  }
}

@Injectable()
class CountingPipe implements PipeTransform {
  transform(value: string): string {
    entered.push('pipe');
    return value;
  }
}

@Controller('orders')
class OrdersController {
  @Get('guarded')
  @SetMetadata('role', 'admin')
  @UseGuards(RoleGuard)
  @Retry(quick)
  guarded(): string {
    entered.push('handler');
    return 'secret';
  }

  /** Our decorators above Nest's: the other order of writing. */
  @Retry(quick)
  @CircuitBreaker({ failureThreshold: 2 })
  @Get('by-id/:id')
  @HttpCode(207)
  byId(
    @Param('id', ParseIntPipe) id: number,
    @Attempt() attempt?: AttemptContext,
  ): { id: number; attempt: number | undefined } {
    entered.push('handler');
    if (id === 13 && (attempt?.number ?? 0) < 3) throw new Error('not yet');
    return { id, attempt: attempt?.number };
  }

  @Get('piped/:id')
  @Retry(quick)
  piped(@Param('id', CountingPipe) id: string): string {
    entered.push('handler');
    if (entered.filter((what) => what === 'handler').length < 3) throw new Error('not yet');
    return id;
  }

  @Get('fallback/:id')
  @CircuitBreaker({ failureThreshold: 1 })
  @Fallback('cached')
  withFallback(@Param('id') id: string): string {
    entered.push('handler');
    throw new Error(`no ${id}`);
  }

  cached(id: string, context: FallbackContext): string {
    return `cached ${id}: ${(context.error as Error).message}`;
  }

  @Get('self/:id')
  @Retry(quick)
  self(@Param('id') id: string): Promise<string> {
    return this.helper(id);
  }

  @Retry(quick)
  helper(id: string): Promise<string> {
    entered.push('helper');
    return entered.filter((what) => what === 'helper').length < 3
      ? Promise.reject(new Error('not yet'))
      : Promise.resolve(id);
  }
}

@Injectable()
class OuterInterceptor {
  intercept(_context: ExecutionContext, next: { handle(): Observable<unknown> }): Observable<unknown> {
    entered.push('outer');
    return next.handle().pipe(map((value) => value));
  }
}

describe('A decorated handler stays a handler', () => {
  let app: INestApplication;

  beforeEach(async () => {
    entered = [];
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      controllers: [OrdersController],
    }).compile();
    app = module.createNestApplication({ logger: false });
    app.useGlobalInterceptors(new OuterInterceptor());
    await app.init();
  });

  afterEach(() => app.close());

  const server = () => request(app.getHttpServer() as Parameters<typeof request>[0]);

  it('its guard still closes the route (pain 18: wrapping loses Nest metadata)', async () => {
    await server().get('/orders/guarded').expect(403);
    await server().get('/orders/guarded').set('x-role', 'admin').expect(200, 'secret');

    expect(entered).toEqual(['guard:admin', 'guard:admin', 'outer', 'handler']);
  });

  it('a 400 of a pipe is neither retried nor counted', async () => {
    for (let i = 0; i < 4; i++) await server().get('/orders/by-id/abc').expect(400);

    const circuit = app.get(ResilienceService).circuit('OrdersController.byId');
    expect(entered.filter((what) => what === 'handler')).toHaveLength(0);
    expect(circuit.snapshot()).toMatchObject({ state: 'closed', calls: 0 });
    expect(app.get(ResilienceService).metrics().methods['OrdersController.byId']?.total).toBe(0);
  });

  it('keeps status code, pipes and parameters, and gets its attempt, with our decorators on top', async () => {
    await server().get('/orders/by-id/7').expect(207, { id: 7, attempt: 1 });

    entered = [];
    await server().get('/orders/by-id/14').expect(207, { id: 14, attempt: 1 });
    expect(entered).toEqual(['outer', 'handler']);
  });

  it('a retry runs pipes and handler again, outer interceptors once', async () => {
    await server().get('/orders/piped/x').expect(200, 'x');

    expect(entered).toEqual(['outer', 'pipe', 'handler', 'pipe', 'handler', 'pipe', 'handler']);
  });

  it('its fallback gets the handler arguments, also while the circuit is open', async () => {
    await server().get('/orders/fallback/1').expect(200, 'cached 1: no 1');
    const refused = await server().get('/orders/fallback/2').expect(200);

    expect(refused.text).toMatch(/^cached 2: Circuit 'OrdersController.withFallback' is open/);
    expect(entered.filter((what) => what === 'handler')).toHaveLength(1);
  });

  it('a helper that the handler calls applies its own policies, once', async () => {
    await server().get('/orders/self/9').expect(200, '9');

    expect(entered.filter((what) => what === 'helper')).toHaveLength(3);
  });

  it('Swagger sees the routes', () => {
    const document = SwaggerModule.createDocument(app, new DocumentBuilder().build());

    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/orders/guarded', '/orders/by-id/{id}', '/orders/piped/{id}']),
    );
    expect(document.paths['/orders/by-id/{id}']?.get?.parameters).toHaveLength(1);
  });
});

describe('A decorated method keeps what it was', () => {
  it('name, length and metadata', () => {
    class Plain {
      @SetMetadata('answer', 42)
      @Retry()
      @SetMetadata('below', true)
      async work(_a: string, _b: number): Promise<void> {}
    }

    const method = Plain.prototype.work;

    expect(method.name).toBe('work');
    expect(method.length).toBe(2);
    expect(Reflect.getMetadata('answer', method)).toBe(42);
    expect(Reflect.getMetadata('below', method)).toBe(true);
  });

  it('frozen instances and private fields work, and nothing is added to the instance', async () => {
    @Injectable()
    class Sealed {
      #calls = 0;
      constructor() {
        Object.freeze(this);
      }
      @Retry(quick)
      async work(): Promise<number> {
        this.#calls++;
        if (this.#calls < 3) throw new Error('not yet');
        return this.#calls;
      }
    }
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [Sealed],
    }).compile();

    await expect(module.get(Sealed).work()).resolves.toBe(3);

    expect(Reflect.ownKeys(module.get(Sealed))).toEqual([]);
    await module.close();
  });

  it('without the module the class works, plain', async () => {
    @Injectable()
    class Lonely {
      calls = 0;
      @Retry(quick)
      async work(): Promise<never> {
        this.calls++;
        throw new Error('once');
      }
    }
    const module = await Test.createTestingModule({ providers: [Lonely] }).compile();

    await expect(module.get(Lonely).work()).rejects.toThrow('once');

    expect(module.get(Lonely).calls).toBe(1);
  });

  it('an override without decorators is plain; super.work() is protected', async () => {
    @Injectable()
    class Parent {
      calls = 0;
      @Retry(quick)
      async work(): Promise<number> {
        this.calls++;
        if (this.calls < 3) throw new Error('not yet');
        return this.calls;
      }
    }
    @Injectable()
    class Child extends Parent {
      override async work(): Promise<number> {
        return (await super.work()) * 10;
      }
    }
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [Child],
    }).compile();

    await expect(module.get(Child).work()).resolves.toBe(30);
    await module.close();
  });

  it('a request-scoped factory can bind what it makes', async () => {
    class Made {
      calls = 0;
      @Retry(quick)
      async work(): Promise<number> {
        this.calls++;
        if (this.calls < 2) throw new Error('not yet');
        return this.calls;
      }
    }
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [
        {
          provide: 'MADE',
          scope: Scope.REQUEST,
          inject: [ResilienceService],
          useFactory: (resilience: ResilienceService) => resilience.bind(new Made()),
        },
      ],
    }).compile();

    await expect((await module.resolve<Made>('MADE')).work()).resolves.toBe(2);
    await module.close();
  });
});

describe('Wrong declarations are refused when they are evaluated', () => {
  const problemsOf = (declare: () => unknown): readonly { path: string; allowed: string }[] => {
    try {
      declare();
    } catch (error) {
      if (error instanceof ResilienceOptionsError) return error.problems;
      throw error;
    }
    return [];
  };

  it('the same decorator twice', () => {
    const problems = problemsOf(() => {
      class Twice {
        @Retry()
        @Retry()
        async work(): Promise<void> {}
      }
      return Twice;
    });

    expect(problems).toMatchObject([{ path: 'Twice.work > @Retry' }]);
  });

  it('static methods, accessors and properties', () => {
    expect(
      problemsOf(() => {
        class Static {
          @Retry()
          static async work(): Promise<void> {}
        }
        return Static;
      }),
    ).toMatchObject([{ path: 'Static.work > @Retry', value: 'a static member' }]);
    expect(
      problemsOf(() => {
        class Accessor {
          @Retry()
          get work(): number {
            return 1;
          }
        }
        return Accessor;
      }),
    ).toMatchObject([{ path: 'Accessor.work > @Retry' }]);
  });

  it('all problems of one decorator at once, with paths and suggestions', () => {
    const problems = problemsOf(() => {
      class Service {
        @Retry({ maxRetries: -1, maxDelay: 'soon', baseDelai: 5 } as object)
        async charge(): Promise<void> {}
      }
      return Service;
    });

    expect(problems.map((problem) => problem.path)).toEqual([
      'Service.charge > @Retry > baseDelai',
      'Service.charge > @Retry > maxRetries',
      'Service.charge > @Retry > maxDelay',
    ]);
    expect(problems[0]?.allowed).toContain("did you mean 'baseDelay'");
  });

  it('a fallback that names no method stops the boot and names the nearest one', async () => {
    // The compiler refuses a literal.
    const misspelt: string = 'fromCash';
    @Injectable()
    class Shop {
      @Fallback(misspelt)
      async price(): Promise<number> {
        return 1;
      }
      fromCache(): number {
        return 0;
      }
    }
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [Shop],
    }).compile();

    await expect(module.init()).rejects.toThrow(/Shop\.price > @Fallback: got 'fromCash'.*did you mean 'fromCache'/s);
  });

  it('module options, all problems at once', () => {
    const problems = problemsOf(() =>
      ResilienceModule.forRoot({ policies: { llm: { retry: { maxRetries: 1.5 } } }, shutdownTimeout: -1 }),
    );

    expect(problems.map((problem) => problem.path)).toEqual([
      'ResilienceModule.forRoot > policies > llm > retry > maxRetries',
      'ResilienceModule.forRoot > shutdownTimeout',
    ]);
  });
});

describe('Class decorators', () => {
  it('protect every own public method, a method with its own decorator keeps that one', async () => {
    @Injectable()
    class Dependency {
      constructor(@Inject('CALLS') readonly calls: Record<string, number>) {}
      count(name: string): number {
        return (this.calls[name] = (this.calls[name] ?? 0) + 1);
      }
    }

    @Retry({ maxRetries: 1, strategy: 'immediate' })
    @Injectable()
    class Service {
      constructor(private readonly dependency: Dependency) {}
      async byClass(): Promise<never> {
        this.dependency.count('byClass');
        throw new Error('down');
      }
      @Retry({ maxRetries: 3, strategy: 'immediate' })
      async byMethod(): Promise<never> {
        this.dependency.count('byMethod');
        throw new Error('down');
      }
    }
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [Service, Dependency, { provide: 'CALLS', useValue: {} }],
    }).compile();

    await expect(module.get(Service).byClass()).rejects.toThrow('down');
    await expect(module.get(Service).byMethod()).rejects.toThrow('down');

    expect(module.get(Dependency).calls).toEqual({ byClass: 2, byMethod: 4 });
    await module.close();
  });
});
