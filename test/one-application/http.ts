import { request } from 'node:http';

import { Attempt, type AttemptContext, CircuitBreaker, ResilienceModule, Retry, Timeout } from '@nest-resilience/core';
import { Controller, type DynamicModule, Get, type INestApplication, Module, Param, Req, Scope } from '@nestjs/common';

import type { WithClients } from './counted-once.js';
import { PATIENT, TWICE, Work } from './work.js';

@Controller('Shop')
class Shop {
  constructor(private readonly work: Work) {}

  @Get('fine')
  @Retry(TWICE)
  fine(): Promise<string> {
    return this.work.run(this, 'fine');
  }

  /** The other order of writing. */
  @Retry(TWICE)
  @Get('retried')
  retried(): Promise<string> {
    return this.work.run(this, 'retried');
  }

  @CircuitBreaker(PATIENT)
  @Get('failing')
  @Retry(TWICE)
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @Get('mixed')
  @CircuitBreaker(PATIENT)
  mixed(): Promise<string> {
    return this.work.run(this, 'mixed');
  }

  @Get('waiting')
  @Timeout('10m')
  waiting(@Attempt() attempt?: AttemptContext): Promise<string> {
    return this.work.wait(this, attempt);
  }
}

/** A controller for each request, whose decorators stand on the class. */
@Controller({ path: 'ScopedShop', scope: Scope.REQUEST })
@Retry(TWICE)
@CircuitBreaker(PATIENT)
class ScopedShop {
  constructor(private readonly work: Work) {}

  @Get('fine')
  fine(): Promise<string> {
    return this.work.run(this, 'fine');
  }

  @Get('retried')
  retried(@Req() _request: object): Promise<string> {
    return this.work.run(this, 'retried');
  }

  @Get('failing')
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @Get('mixed')
  @Retry(0)
  mixed(): Promise<string> {
    return this.work.run(this, 'mixed');
  }

  @Get('waiting')
  waiting(@Attempt() attempt?: AttemptContext): Promise<string> {
    return this.work.wait(this, attempt);
  }
}

/** Two classes inherit these handlers, and one overrides some. */
abstract class Branch {
  constructor(protected readonly work: Work) {}

  @Get('fine')
  @Retry(TWICE)
  fine(): Promise<string> {
    return this.work.run(this, 'fine');
  }

  @Get(':what')
  @Retry(TWICE)
  @CircuitBreaker(PATIENT)
  retried(@Param('what') _what: string): Promise<string> {
    return this.work.run(this, 'retried');
  }
}

@Controller('North')
class North extends Branch {
  constructor(work: Work) {
    super(work);
  }

  @Get('failing')
  @Retry(TWICE)
  @CircuitBreaker(PATIENT)
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @Get('mixed')
  @CircuitBreaker(PATIENT)
  mixed(): Promise<string> {
    return this.work.run(this, 'mixed');
  }

  @Get('waiting')
  @Timeout('10m')
  waiting(@Attempt() attempt?: AttemptContext): Promise<string> {
    return this.work.wait(this, attempt);
  }

  /** Registered first by Nest, so that it does not answer for the others. */
  @Get('retried')
  @Retry(TWICE)
  override retried(@Param('what') what: string, @Req() _request?: object): Promise<string> {
    return this.work.run(this, 'retried').then((answer) => `${answer} ${what}`);
  }
}

/** Its controllers come from a dynamic module, which is imported before the one that protects them. */
@Module({})
class ShopModule {
  static forRoot(): DynamicModule {
    return { module: ShopModule, controllers: [Shop, ScopedShop, North], providers: [Work], exports: [Work] };
  }
}

@Module({ imports: [ShopModule.forRoot(), ResilienceModule.forRootAsync({ useFactory: async () => ({}) })] })
export class Root {}

export const CONTROLLERS = ['Shop', 'ScopedShop', 'North'];

/** A real server and real clients of it. */
export async function serve(app: INestApplication): Promise<WithClients> {
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return {
    app,
    call: async (name, method) => {
      await fetch(`${url}/${name}/${method}`);
    },
    wait: (name) => {
      const client = request(`${url}/${name}/waiting`, { agent: false });
      client.on('error', () => undefined);
      client.end();
      return () => client.destroy();
    },
  };
}
