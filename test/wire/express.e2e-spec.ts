import 'reflect-metadata';

import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';

import { Log, RefusedError } from './seen.js';

import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Attempt,
  type AttemptContext,
  CircuitBreaker,
  DeadLetter,
  DeadLetterService,
  type EventSink,
  Fallback,
  ResilienceError,
  ResilienceModule,
  type ResilienceModuleOptions,
  ResilienceService,
  Retry,
  Timeout,
  TimeoutError,
} from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  type INestApplication,
  type INestApplicationContext,
  Module,
  type Provider,
  UseFilters,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost, NestFactory } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { lastValueFrom } from 'rxjs';

/** The application's own: catches whatever it is bound to and says who answered. */
function answering(name: string, ...types: Parameters<typeof Catch>): ExceptionFilter {
  @Catch(...types)
  class OwnFilter implements ExceptionFilter {
    catch(_error: unknown, context: ArgumentsHost): void {
      context
        .switchToHttp()
        .getResponse<{ status(code: number): { send(body: string): void } }>()
        .status(418)
        .send(name);
    }
  }
  return new OwnFilter();
}

@Controller()
class Orders {
  @Get('circuit')
  @MessagePattern('circuit')
  @CircuitBreaker({ name: 'stock', recoveryTimeout: '90s' })
  circuit(): string {
    return 'placed';
  }

  @Get('flaky')
  @CircuitBreaker({ failureThreshold: 1, recoveryTimeout: '90s' })
  async flaky(): Promise<never> {
    return Promise.reject(new Error('down'));
  }

  @Get('bulkhead')
  @MessagePattern('bulkhead')
  bulkhead(): never {
    throw new RefusedError('RESILIENCE_BULKHEAD_FULL');
  }

  @Get('rate')
  @MessagePattern('rate')
  rate(): never {
    throw new RefusedError('RESILIENCE_RATE_LIMITED', 1_200);
  }

  @Get('timeout')
  @MessagePattern('timeout')
  timeout(): never {
    throw new TimeoutError('Orders.timeout', 'attempt', 3_000);
  }

  @Get('other-code')
  @MessagePattern('other-code')
  otherCode(): never {
    throw new RefusedError('RESILIENCE_SOMETHING_ELSE');
  }

  @Get('teapot')
  teapot(): never {
    throw new HttpException('short and stout', 418);
  }

  @Get('own-method-filter')
  @UseFilters(answering('method filter'))
  ownMethodFilter(): never {
    throw new RefusedError('RESILIENCE_RATE_LIMITED');
  }
}

@Controller('guarded')
@UseFilters(answering('controller filter', ResilienceError))
class GuardedOrders {
  @Get()
  rate(): never {
    throw new RefusedError('RESILIENCE_RATE_LIMITED');
  }
}

const running: INestApplicationContext[] = [];

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
});

interface Setup extends ResilienceModuleOptions {
  readonly providers?: Provider[];
  readonly globalFilters?: ExceptionFilter[];
}

function root({ providers = [], globalFilters: _, ...options }: Setup = {}) {
  @Module({
    imports: [ResilienceModule.forRoot(options)],
    controllers: [Orders, GuardedOrders, Slow],
    providers: [...providers, Log],
  })
  class Root {}
  return Root;
}

async function serve(setup: Setup = {}): Promise<{ app: INestApplication; url: string }> {
  const module = await Test.createTestingModule({ imports: [root(setup)] }).compile();
  const app = module.createNestApplication({ logger: false });
  app.useGlobalFilters(...(setup.globalFilters ?? []));
  await app.listen(0, '127.0.0.1');
  running.push(app);
  return { app, url: await app.getUrl() };
}

@Controller('slow')
class Slow {
  constructor(private readonly log: Log) {}

  @Get()
  @Retry(3)
  @Fallback('instead')
  wait(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.log.begin(attempt);
    return new Promise(() => undefined);
  }

  @Get('failing')
  @Retry({ maxRetries: 3, baseDelay: '10m', jitter: 'none' })
  async failing(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.log.begin(attempt);
    return Promise.reject(new Error('down'));
  }

  @Get('kept')
  @DeadLetter({ queue: 'kept' })
  @Retry({ maxRetries: 3, strategy: 'immediate' })
  kept(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.log.begin(attempt);
    return new Promise((_, reject) =>
      attempt?.signal.addEventListener('abort', () => reject(attempt.signal.reason as Error)),
    );
  }

  @Get('kept-by-another')
  @DeadLetter({ queue: 'kept' })
  @Retry({ maxRetries: 3, strategy: 'immediate' })
  @CircuitBreaker({ name: 'kept-by-another', failureThreshold: 100 })
  keptByAnother(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.log.begin(attempt);
    return new Promise((_, reject) =>
      // What axios, openai and others make of a signal: an error of their own, whatever its reason.
      attempt?.signal.addEventListener('abort', () => reject(new Error('Request was aborted.'))),
    );
  }

  @Get('quick')
  @Timeout('30s')
  async quick(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.log.begin(attempt);
    return Promise.resolve('answered');
  }

  instead(): string {
    this.log.fallbacks++;
    return 'rescued';
  }
}

describe('Errors of the library over HTTP', () => {
  it('an open circuit answers 503 with the seconds until its next probe', async () => {
    const { url } = await serve({ clock: new FakeClock() });
    const opening = await fetch(`${url}/flaky`);

    const response = await fetch(`${url}/flaky`);

    expect(opening.status).toBe(500);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(response.headers.get('retry-after')).toBe('90');
    expect(await response.json()).toEqual({
      type: 'urn:nest-resilience:problem:resilience-circuit-open',
      title: 'Service Unavailable',
      status: 503,
      detail: expect.not.stringContaining('Orders'),
      code: 'RESILIENCE_CIRCUIT_OPEN',
    });
  });

  it('one that was opened by hand does not say for how long, so the header says the least', async () => {
    const { app, url } = await serve();
    app.get(ResilienceService).circuit('stock').open();

    const response = await fetch(`${url}/circuit`);

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
  });

  it.each([
    ['bulkhead', 503, 'RESILIENCE_BULKHEAD_FULL', '1'],
    ['rate', 429, 'RESILIENCE_RATE_LIMITED', '2'],
    ['timeout', 504, 'RESILIENCE_TIMEOUT', null],
  ])('%s answers %d with the code %s and Retry-After %s', async (path, status, code, retryAfter) => {
    const { url } = await serve();

    const response = await fetch(`${url}/${path}`);

    expect(response.status).toBe(status);
    expect(response.headers.get('retry-after')).toBe(retryAfter);
    expect(await response.json()).toMatchObject({ status, code });
  });

  it.each([
    ['other-code', 500, { statusCode: 500, message: 'Internal server error' }],
    ['teapot', 418, { statusCode: 418, message: 'short and stout' }],
    ['nowhere', 404, expect.objectContaining({ statusCode: 404 })],
  ])('%s is answered as if the filter was not there', async (path, status, body) => {
    const { url } = await serve();

    const response = await fetch(`${url}/${path}`);

    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(body);
  });

  it('mapErrors: false leaves them to Nest', async () => {
    const { url } = await serve({ mapErrors: false });

    const response = await fetch(`${url}/rate`);

    expect(response.status).toBe(500);
  });

  it('an application without HTTP boots all the same', async () => {
    const context = await NestFactory.createApplicationContext(root(), { logger: false });
    running.push(context);

    expect(context.get(ResilienceService)).toBeDefined();
  });
});

describe('A filter of the application wins', () => {
  it.each<[string, Setup, string]>([
    ['catch-all by useGlobalFilters', { globalFilters: [answering('global')] }, 'global'],
    ['for ResilienceError by useGlobalFilters', { globalFilters: [answering('global', ResilienceError)] }, 'global'],
    ['catch-all as APP_FILTER', { providers: [{ provide: APP_FILTER, useValue: answering('app') }] }, 'app'],
    [
      'for ResilienceError as APP_FILTER',
      { providers: [{ provide: APP_FILTER, useValue: answering('app', ResilienceError) }] },
      'app',
    ],
    [
      'as APP_FILTER made from the adapter, as in the Nest documentation',
      {
        providers: [{ provide: APP_FILTER, inject: [HttpAdapterHost], useFactory: () => answering('app') }],
      },
      'app',
    ],
  ])('%s', async (_, setup, expected) => {
    const { url } = await serve(setup);

    const response = await fetch(`${url}/rate`);

    expect(response.status).toBe(418);
    expect(await response.text()).toBe(expected);
  });

  it.each([
    ['own-method-filter', 'method filter'],
    ['guarded', 'controller filter'],
  ])('on %s', async (path, expected) => {
    const { url } = await serve();

    const response = await fetch(`${url}/${path}`);

    expect(await response.text()).toBe(expected);
  });

  it('because ours is no APP_FILTER: Nest asks those of imported modules before those of the root module', async () => {
    @Module({ providers: [{ provide: APP_FILTER, useValue: answering('imported') }] })
    class Imported {}
    @Module({ imports: [Imported], providers: [{ provide: APP_FILTER, useValue: answering('root') }] })
    class Root {}
    const app = await NestFactory.create(Root, { logger: false });
    running.push(app);
    await app.listen(0, '127.0.0.1');

    const response = await fetch(`${await app.getUrl()}/nowhere`);

    expect(await response.text()).toBe('imported');
  });

  it('and one for other errors leaves ours alone', async () => {
    const { url } = await serve({ globalFilters: [answering('teapots', HttpException)] });

    const [ours, theirs] = await Promise.all([fetch(`${url}/rate`), fetch(`${url}/teapot`)]);

    expect(ours.status).toBe(429);
    expect(await theirs.text()).toBe('teapots');
  });
});

describe('Errors of the library over TCP', () => {
  async function tcp(setup: Setup = {}) {
    const port = await freePort();
    const options = { transport: Transport.TCP as const, options: { host: '127.0.0.1', port } };
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(root(setup), { ...options, logger: false });
    await app.listen();
    running.push(app);
    const client = ClientProxyFactory.create(options);
    const send = async (pattern: string): Promise<unknown> => {
      try {
        return await lastValueFrom(client.send<unknown>(pattern, {}));
      } catch (error) {
        return error;
      } finally {
        await client.close();
      }
    };
    return { app, send };
  }

  it('a client sees the code, the message and how long to wait', async () => {
    const { send } = await tcp();

    const error = await send('rate');

    expect(error).toEqual({
      status: 'error',
      code: 'RESILIENCE_RATE_LIMITED',
      message: 'refused: RESILIENCE_RATE_LIMITED',
      retryAfterMs: 1_200,
    });
  });

  it('an open circuit names itself', async () => {
    const { app, send } = await tcp();
    app.get(ResilienceService).circuit('stock').open();

    const error = await send('circuit');

    expect(error).toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN', message: expect.stringContaining("'stock'") });
  });

  it('a timeout has nothing to wait for', async () => {
    const { send } = await tcp();

    const error = await send('timeout');

    expect(error).toEqual({ status: 'error', code: 'RESILIENCE_TIMEOUT', message: expect.stringContaining('3000 ms') });
  });

  it('other errors stay internal', async () => {
    const { send } = await tcp();

    expect(await send('other-code')).toEqual({ status: 'error', message: 'Internal server error' });
  });

  it('a hybrid application needs inheritAppConfig, as for every global filter', async () => {
    const { app } = await serve();
    const port = await freePort();
    const options = { transport: Transport.TCP as const, options: { host: '127.0.0.1', port } };
    app.connectMicroservice<MicroserviceOptions>(options, { inheritAppConfig: true });
    await app.startAllMicroservices();
    const client = ClientProxyFactory.create(options);

    const error = await lastValueFrom(client.send('bulkhead', {})).catch((reason: unknown) => reason);
    await client.close();

    expect(error).toMatchObject({ code: 'RESILIENCE_BULKHEAD_FULL' });
  });
});

describe('A client that goes away', () => {
  /** A request on a connection of its own, so that destroying it closes the socket. */
  function ask(url: string) {
    const client = request(url, { agent: false });
    client.on('error', () => undefined);
    client.end();
    return client;
  }

  it('aborts the signal of the attempt; nothing is tried again and nothing rescued', async () => {
    const { app, url } = await serve();
    const log = app.get(Log);
    const client = ask(`${url}/slow`);
    await log.entered;

    client.destroy();
    await once(log.signal as AbortSignal, 'abort');

    expect(log.signal?.reason).toMatchObject({ name: 'AbortError', code: 'RESILIENCE_CLIENT_GONE' });
    expect(log).toMatchObject({ calls: 1, fallbacks: 0 });
  });

  it('ends the wait for a retry', async () => {
    const clock = new FakeClock();
    const { app, url } = await serve({ clock });
    const log = app.get(Log);
    const closed = closing(app);
    const client = ask(`${url}/slow/failing`);
    await log.entered;

    client.destroy();
    await closed;
    await clock.advance('20m');

    expect(log.calls).toBe(1);
  });

  it('loses no call that was to be kept: the attempt is told, and what became of it is a dead letter', async () => {
    const stored = new StoredEvents();
    const { app, url } = await serve({ events: stored });
    const log = app.get(Log);
    const client = ask(`${url}/slow/kept`);
    await log.entered;

    client.destroy();
    await stored.first;
    const { items } = await app.get(DeadLetterService).list({ queue: 'kept' });

    expect(log.calls).toBe(1);
    expect(items).toMatchObject([{ error: { name: 'AbortError' } }]);
  });

  it('neither repeats nor counts what was aborted because of it, whatever a client library calls that', async () => {
    const stored = new StoredEvents();
    const { app, url } = await serve({ events: stored });
    const log = app.get(Log);
    const client = ask(`${url}/slow/kept-by-another`);
    await log.entered;

    client.destroy();
    await stored.first;

    expect(log.calls).toBe(1);
    expect(app.get(ResilienceService).circuit('kept-by-another').snapshot().failures).toBe(0);
  });

  it('is not one that was answered: the signal stays, on a connection kept alive too', async () => {
    const { app, url } = await serve();
    const log = app.get(Log);

    const response = await fetch(`${url}/slow/quick`);
    const body = await response.text();
    await fetch(`${url}/slow/quick`);

    expect(body).toBe('answered');
    expect(log.calls).toBe(2);
    expect(log.signal?.aborted ?? false).toBe(false);
  });
});

class StoredEvents implements EventSink {
  private resolve: () => void = () => undefined;
  readonly first = new Promise<void>((resolve) => (this.resolve = resolve));

  listens(name: string): boolean {
    return name === 'resilience.dead-letter.stored';
  }

  emit(): void {
    this.resolve();
  }
}

/** The next connection of the server has been closed, and what listens to that has run. */
async function closing(app: INestApplication): Promise<void> {
  const [, response] = (await once(app.getHttpServer() as NodeJS.EventEmitter, 'request')) as [
    unknown,
    NodeJS.EventEmitter,
  ];
  await once(response, 'close');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
