import 'reflect-metadata';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Attempt, type AttemptContext, Hedge, ResilienceModule, ResilienceService, Retry } from '@nest-resilience/core';
import {
  type CallHandler,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  ParseIntPipe,
  Query,
  Req,
  Res,
  Scope,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Observable, retry } from 'rxjs';

const ONCE_MORE = { maxRetries: 1, strategy: 'immediate', budget: false } as const;

interface RequestLike {
  readonly url: string;
}

const Agent = createParamDecorator(
  (name: string, context: ExecutionContext) =>
    context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers[name],
);

@Injectable()
class OnceMore implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(retry(1));
  }
}

/** How many of the next runs fail. */
let failures = 0;

let recursions = 0;

/** Says what each method was called with. */
@Controller('prices')
class Prices {
  @Get('rest/:sku')
  @Retry(ONCE_MORE)
  async rest(@Param('sku') sku: string, ...more: unknown[]): Promise<unknown> {
    return Promise.resolve([sku, ...more.map(shown)]);
  }

  @Get('defaulted/:sku')
  @Retry(ONCE_MORE)
  async defaulted(@Param('sku') sku: string, options = { currency: 'EUR' }): Promise<unknown> {
    return Promise.resolve([sku, options.currency]);
  }

  @Get('destructured/:sku')
  @Retry(ONCE_MORE)
  async destructured(@Param() { sku }: { sku: string }, [first = 'none', ...others]: unknown[] = []): Promise<unknown> {
    return Promise.resolve([sku, first, others.length]);
  }

  @Get('counted/:sku')
  @Retry(ONCE_MORE)
  async counted(@Param('sku', ParseIntPipe) _sku: number): Promise<unknown> {
    // eslint-disable-next-line prefer-rest-params -- What is counted here.
    return Promise.resolve([arguments.length, ...Array.from(arguments, shown)]);
  }

  @Get('nothing')
  @Retry(ONCE_MORE)
  async nothing(): Promise<unknown> {
    return Promise.resolve(arguments.length);
  }

  @Get('attempt/:sku')
  @Retry(ONCE_MORE)
  async attempt(@Param('sku') sku: string, size = 10, @Attempt() attempt?: AttemptContext): Promise<unknown> {
    if (failures-- > 0) throw new Error('down');
    return Promise.resolve([sku, size, attempt?.number]);
  }

  @Get('own/:sku')
  @Retry(ONCE_MORE)
  async own(
    @Req() request: RequestLike,
    @Param('sku') sku: string,
    @Agent('user-agent') agent: string,
    @Query('q') q?: string,
    ...more: unknown[]
  ): Promise<unknown> {
    return Promise.resolve([request.url, sku, agent, q, ...more.map(shown)]);
  }

  @Get('answered/:sku')
  @Retry(ONCE_MORE)
  async answered(
    @Param('sku') sku: string,
    @Res() response: { end(body: string): void },
    ...more: unknown[]
  ): Promise<void> {
    response.end(JSON.stringify([sku, ...more.map(shown)]));
    return Promise.resolve();
  }

  @Get('hedged/:sku')
  @Hedge('10m')
  async hedged(@Param('sku') sku: string, ...more: unknown[]): Promise<unknown> {
    return Promise.resolve([sku, ...more.map(shown)]);
  }

  @Get('again/:sku')
  @UseInterceptors(OnceMore)
  @Retry(ONCE_MORE)
  async again(@Param('sku') sku: string, ...more: unknown[]): Promise<unknown> {
    if (failures-- > 0) throw new Error('down');
    return Promise.resolve([sku, ...more.map(shown)]);
  }

  /** Calls the other handlers as a class calls its own methods, in the request that came for it. */
  @Get('all/:sku')
  @Retry(ONCE_MORE)
  async all(@Param('sku') sku: string, @Req() request: object, ...more: unknown[]): Promise<unknown> {
    if (recursions++ > 0) return more.map(shown);
    return {
      rest: await this.rest(sku, 1, 2, 3, 4, 5, 6),
      requestLast: await this.rest(sku, request),
      requestFar: await this.rest(sku, undefined, undefined, undefined, request),
      recursion: await this.all(sku, request, 1, 2, request),
      defaulted: await this.defaulted(sku, { currency: 'USD' }),
      destructured: await this.destructured({ sku }, [1, 2, 3]),
      counted: await (this.counted as (...args: unknown[]) => Promise<unknown>)(1, 2, 3, 4, 5, 6),
    };
  }
}

function shown(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'url' in value ? 'the request' : (value ?? null);
}

@Controller('own-prices')
class OwnPrices extends Prices {
  /** Protected, as is what it calls. */
  @Get('rest/:sku')
  @Retry(ONCE_MORE)
  override async rest(@Param('sku') sku: string, ...more: unknown[]): Promise<unknown> {
    return super.rest(sku, 'from below', ...more);
  }

  /** Plain: what the inherited metadata of its route says must not show. */
  @Get('counted/:sku')
  override async counted(...args: unknown[]): Promise<unknown> {
    return Promise.resolve([args.length, ...args.map(shown)]);
  }
}

@Controller({ path: 'scoped-prices', scope: Scope.REQUEST })
class ScopedPrices extends Prices {}

/** Compiled by something that records no types of parameters: esbuild, tsx, vitest. */
for (const method of ['rest', 'defaulted', 'all'])
  Reflect.deleteMetadata('design:paramtypes', Prices.prototype, method);

@Injectable()
class Shop {
  constructor(readonly prices: Prices) {}
}

@Module({
  imports: [ResilienceModule.forRoot()],
  controllers: [Prices, OwnPrices, ScopedPrices],
  providers: [Prices, Shop],
})
class Root {}

describe('The arguments of a decorated HTTP handler', () => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    app = await NestFactory.create(Root, { logger: false });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(() => app.close());

  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}/${path}`, { headers: { 'user-agent': 'test' } });
    return response.json();
  };

  describe.each(['prices', 'scoped-prices'])('over the route of %s', (controller) => {
    it.each([
      ['rest/7', ['7']],
      ['defaulted/7', ['7', 'EUR']],
      ['destructured/7', ['7', 'none', 0]],
      ['counted/7', [1, 7]],
      ['nothing', 0],
      ['attempt/7', ['7', 10, 1]],
      ['own/7?q=x', [`/${controller}/own/7?q=x`, '7', 'test', 'x']],
      ['answered/7', ['7']],
      ['hedged/7', ['7']],
      ['again/7', ['7']],
    ])('%s: those that it asks for', async (path, expected) => {
      await expect(get(`${controller}/${path}`)).resolves.toEqual(expected);
    });
  });

  it('are all there when its own class calls it, in the middle of a request', async () => {
    await expect(get('prices/all/7')).resolves.toEqual({
      rest: ['7', 1, 2, 3, 4, 5, 6],
      requestLast: ['7', 'the request'],
      requestFar: ['7', null, null, null, 'the request'],
      recursion: [1, 2, 'the request'],
      defaulted: ['7', 'USD'],
      destructured: ['7', 1, 2],
      counted: [6, 1, 2, 3, 4, 5, 6],
    });
  });

  it('are all there when another class calls it, or a test', async () => {
    const { prices } = app.get(Shop);

    await expect(prices.rest('7', 1, 2, 3, 4, 5)).resolves.toEqual(['7', 1, 2, 3, 4, 5]);
    await expect(prices.rest('7', undefined, undefined, undefined, { url: '/' })).resolves.toHaveLength(5);
    await expect(prices.defaulted('7', { currency: 'USD' })).resolves.toEqual(['7', 'USD']);
    await expect(new Prices().rest('7', 1, 2, 3, 4, 5)).resolves.toEqual(['7', 1, 2, 3, 4, 5]);
  });

  it('are all there through super, and an override without decorators sees none of what its parent is passed', async () => {
    await expect(get('own-prices/rest/7')).resolves.toEqual(['7', 'from below']);
    await expect(get('own-prices/counted/7')).resolves.toEqual([1, 7]);
  });

  it('are the same in every attempt, and when an interceptor inside has the handler run again', async () => {
    failures = 1;
    await expect(get('own-prices/attempt/7')).resolves.toEqual(['7', 10, 2]);
    failures = 1;
    await expect(get('own-prices/again/7')).resolves.toEqual(['7']);

    const { methods } = app.get(ResilienceService).metrics();
    expect(methods['OwnPrices.again']).toMatchObject({ total: 1, averageAttempts: 1, failed: 0 });
  });
});
