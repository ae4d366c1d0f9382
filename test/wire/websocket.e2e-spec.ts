import 'reflect-metadata';

import { once } from 'node:events';

import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Attempt,
  type AttemptContext,
  CircuitBreaker,
  DeadLetter,
  DeadLetterService,
  Fallback,
  ResilienceError,
  ResilienceModule,
  type ResilienceModuleOptions,
  ResilienceService,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  type INestApplication,
  Module,
  UseFilters,
} from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WebSocket } from 'ws';

import { until } from '../contract/lane.js';
import { Log, RefusedError } from './seen.js';

/** The application's own: says who answered. */
function answering(name: string, ...types: Parameters<typeof Catch>): ExceptionFilter {
  @Catch(...types)
  class OwnFilter implements ExceptionFilter {
    catch(_error: unknown, context: ArgumentsHost): void {
      context
        .switchToWs()
        .getClient<WebSocket>()
        .send(JSON.stringify({ event: 'exception', data: name }));
    }
  }
  return new OwnFilter();
}

@WebSocketGateway({ path: '/guarded' })
@UseFilters(answering('gateway filter', ResilienceError))
class GuardedShop {
  @SubscribeMessage('refuse')
  refuse(): never {
    throw new RefusedError('RESILIENCE_RATE_LIMITED');
  }
}

@WebSocketGateway()
class Shop {
  constructor(private readonly log: Log) {}

  @SubscribeMessage('flaky')
  @CircuitBreaker({ name: 'stock', failureThreshold: 1, recoveryTimeout: '90s' })
  async flaky(): Promise<never> {
    return Promise.reject(new Error('down'));
  }

  @SubscribeMessage('refuse')
  refuse(@MessageBody() code: string): never {
    throw new RefusedError(code, 1_200);
  }

  @SubscribeMessage('own-method-filter')
  @UseFilters(answering('method filter'))
  ownMethodFilter(): never {
    throw new RefusedError('RESILIENCE_RATE_LIMITED');
  }

  @SubscribeMessage('slow')
  @Timeout('3s')
  slow(): Promise<never> {
    this.log.begin();
    return new Promise(() => undefined);
  }

  @SubscribeMessage('retried')
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  async retried(@MessageBody() sku: string): Promise<object> {
    if (this.log.begin() < 3) throw new Error('not yet');
    return Promise.resolve({ event: 'priced', data: { sku, calls: this.log.calls } });
  }

  @SubscribeMessage('rescued')
  @Fallback('instead')
  async rescued(): Promise<object> {
    return Promise.reject(new Error('down'));
  }

  @SubscribeMessage('order')
  @DeadLetter({ queue: 'orders' })
  async order(@MessageBody() _sku: string): Promise<object> {
    return Promise.reject(new Error('down'));
  }

  @SubscribeMessage('waiting')
  @Retry(3)
  @Fallback('instead')
  waiting(@Attempt() attempt?: AttemptContext): Promise<object> {
    this.log.begin(attempt);
    return new Promise(() => undefined);
  }

  @SubscribeMessage('kept')
  @Retry({ maxRetries: 3, strategy: 'immediate' })
  @DeadLetter({ queue: 'kept' })
  kept(@MessageBody() _sku: string, @Attempt() attempt?: AttemptContext): Promise<object> {
    this.log.begin(attempt);
    return new Promise((_, reject) =>
      attempt?.signal.addEventListener('abort', () => reject(attempt.signal.reason as Error)),
    );
  }

  instead(): object {
    this.log.fallbacks++;
    return { event: 'priced', data: 'rescued' };
  }
}

const open: { app: INestApplication; client: WebSocket }[] = [];

afterEach(async () => {
  for (const { app, client } of open.splice(0)) {
    client.terminate();
    await app.close();
  }
});

async function connect(options: ResilienceModuleOptions = {}, path = '') {
  @Module({ imports: [ResilienceModule.forRoot(options)], providers: [Shop, GuardedShop, Log] })
  class Root {}
  const module = await Test.createTestingModule({ imports: [Root] }).compile();
  const app = module.createNestApplication({ logger: false });
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
  const client = new WebSocket((await app.getUrl()).replace('http', 'ws') + path);
  await once(client, 'open');
  open.push({ app, client });
  const send = (event: string, data: unknown = null): void => client.send(JSON.stringify({ event, data }));
  const ask = async (event: string, data?: unknown): Promise<unknown> => {
    send(event, data);
    const [frame] = (await once(client, 'message')) as [Buffer];
    return JSON.parse(frame.toString()) as unknown;
  };
  return { app, client, send, ask, log: app.get(Log) };
}

describe('Errors of the library over a WebSocket', () => {
  it('an open circuit is an exception with its code and the time until the next probe', async () => {
    const { ask } = await connect({ clock: new FakeClock() });
    const opening = await ask('flaky');

    const frame = await ask('flaky');

    expect(opening).toMatchObject({ event: 'exception', data: { message: 'Internal server error' } });
    expect(frame).toEqual({
      event: 'exception',
      data: {
        status: 'error',
        code: 'RESILIENCE_CIRCUIT_OPEN',
        message: expect.not.stringContaining('stock'),
        retryAfterMs: 90_000,
        cause: { pattern: 'flaky', data: null },
      },
    });
  });

  it('a timeout has nothing to wait for', async () => {
    const clock = new FakeClock();
    const { ask, log } = await connect({ clock });

    const answer = ask('slow');
    await log.entered;
    await clock.advance('3s');

    expect(await answer).toMatchObject({ event: 'exception', data: { code: 'RESILIENCE_TIMEOUT' } });
    expect(await answer).not.toHaveProperty('data.retryAfterMs');
  });

  it.each(['RESILIENCE_BULKHEAD_FULL', 'RESILIENCE_RATE_LIMITED'])('%s says when to come back', async (code) => {
    const { ask } = await connect();

    const frame = await ask('refuse', code);

    expect(frame).toMatchObject({ event: 'exception', data: { code, retryAfterMs: 1_200, cause: { data: code } } });
  });
});

describe('A filter of the application wins over a WebSocket', () => {
  it.each([
    ['own-method-filter', '', 'method filter'],
    ['refuse', '/guarded', 'gateway filter'],
  ])('%s%s', async (event, path, expected) => {
    const { ask } = await connect({}, path);

    const frame = await ask(event, 'any');

    expect(frame).toEqual({ event: 'exception', data: expected });
  });

  it('mapErrors: false leaves them to Nest, also on a gateway that another application had mapped', async () => {
    const mapping = await connect();
    const leaving = await connect({ mapErrors: false });

    const frames = [
      await mapping.ask('refuse', 'RESILIENCE_TIMEOUT'),
      await leaving.ask('refuse', 'RESILIENCE_TIMEOUT'),
    ];

    expect(frames).toMatchObject([
      { data: { code: 'RESILIENCE_TIMEOUT' } },
      { data: { message: 'Internal server error' } },
    ]);
  });
});

describe('Decorators on gateways', () => {
  it('a retry runs the handler again with its message, as one call', async () => {
    const { app, ask } = await connect();

    const frame = await ask('retried', 'nail');

    expect(frame).toEqual({ event: 'priced', data: { sku: 'nail', calls: 3 } });
    expect(app.get(ResilienceService).metrics().methods['Shop.retried']).toMatchObject({
      total: 1,
      averageAttempts: 3,
    });
  });

  it('a fallback answers', async () => {
    const { ask } = await connect();

    expect(await ask('rescued')).toEqual({ event: 'priced', data: 'rescued' });
  });

  it('a dead letter keeps the message', async () => {
    const { app, ask } = await connect();

    const frame = await ask('order', 'nail');
    const { items } = await app.get(DeadLetterService).list({ queue: 'orders' });

    expect(frame).toMatchObject({ event: 'exception' });
    expect(items).toMatchObject([{ target: 'Shop.order', args: expect.arrayContaining(['nail']) }]);
  });
});

describe('A client of a WebSocket that goes away', () => {
  it('aborts the signal of the attempt; nothing is tried again and nothing rescued', async () => {
    const { client, send, log } = await connect();
    send('waiting');
    await log.entered;

    client.terminate();
    await until(() => log.signal?.aborted === true);

    expect(log.signal?.reason).toMatchObject({ name: 'AbortError', code: 'RESILIENCE_CLIENT_GONE' });
    expect(log).toMatchObject({ calls: 1, fallbacks: 0 });
  });

  it('loses no message that was to be kept: the attempt is told, and what became of it is a dead letter', async () => {
    let note = (): void => undefined;
    const stored = new Promise<void>((resolve) => (note = resolve));
    const events = { listens: (name: string) => name === 'resilience.dead-letter.stored', emit: () => note() };
    const { app, client, send, log } = await connect({ events });
    send('kept', 'nail');
    await log.entered;

    client.terminate();
    await stored;
    const { items } = await app.get(DeadLetterService).list({ queue: 'kept' });

    expect(log.calls).toBe(1);
    expect(items).toMatchObject([{ error: { name: 'AbortError' } }]);
  });
});
