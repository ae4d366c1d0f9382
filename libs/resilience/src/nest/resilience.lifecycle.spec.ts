import { describe, expect, it } from '@jest/globals';
import { Injectable, Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { lastValueFrom, NEVER, type Observable } from 'rxjs';

import { DeadLetter } from '../dead-letter/dead-letter.decorator.js';
import { DeadLetterService } from '../dead-letter/dead-letter.service.js';
import type { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import { MemoryDeadLetterStore } from '../dead-letter/store/memory.store.js';
import type { AttemptContext } from '../engine/attempt.js';
import { Fallback } from '../fallback/fallback.decorator.js';
import { Retry } from '../retry/retry.decorator.js';
import { FakeClock } from '../testing/fake-clock.js';
import { Timeout } from '../timeout/timeout.decorator.js';
import { Attempt } from './attempt.decorator.js';
import { ResilienceModule } from './resilience.module.js';
import type { ResilienceModuleOptions } from './resilience.options.js';

const hang = (): Promise<never> => new Promise(() => undefined);

@Injectable()
class Orders {
  signal: AbortSignal | undefined;
  attempts = 0;
  finish: (value: string) => void = () => undefined;

  @DeadLetter('orders')
  @Retry()
  async unlimited(_id: string, @Attempt() attempt?: AttemptContext): Promise<string> {
    this.signal = attempt?.signal;
    return hang();
  }

  @DeadLetter('orders')
  @Timeout('1h')
  async limited(_id: string): Promise<string> {
    return hang();
  }

  @DeadLetter('orders')
  @Retry({ maxRetries: 3, strategy: 'immediate' })
  async atTheSecondAttempt(_id: string): Promise<string> {
    if (++this.attempts === 1) throw new Error('down');
    return hang();
  }

  @DeadLetter('orders')
  @Fallback(() => hang())
  async inItsFallback(_id: string): Promise<string> {
    throw new Error('down');
  }

  @DeadLetter('orders')
  @Retry()
  observed(_id: string): Observable<string> {
    return NEVER;
  }

  @DeadLetter('orders')
  @Retry()
  async *streamed(_id: string): AsyncGenerator<string> {
    yield await hang();
  }

  @DeadLetter('orders')
  @Retry({ baseDelay: '1h', jitter: 'none' })
  async inItsPause(_id: string): Promise<string> {
    throw new Error('down');
  }

  @Retry()
  async slow(): Promise<string> {
    return new Promise((resolve) => (this.finish = resolve));
  }
}

async function boot(options: ResilienceModuleOptions = {}) {
  Logger.overrideLogger(false);
  const clock = new FakeClock();
  const app = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot({ clock, shutdownTimeout: '10s', ...options })],
    providers: [Orders],
  }).compile();
  await app.init();
  const outcome = (call: Promise<unknown>) => call.catch((error: unknown) => error);
  const letters = async () => (await app.get(DeadLetterService).list()).items;
  return { app, clock, orders: app.get(Orders), outcome, letters };
}

describe('A shutdown', () => {
  it('waits for a call in flight, and ends when it has ended', async () => {
    const { app, clock, orders } = await boot();
    const call = orders.slow();

    const closed = app.close();
    await clock.advance('9s');
    orders.finish('done');

    expect(await call).toBe('done');
    await closed;
    expect(clock.pending).toBe(0);
  });

  it('ends a wait for a retry at once: the call is dead-lettered with what it failed with', async () => {
    const { app, clock, orders, outcome, letters } = await boot();
    const call = outcome(orders.inItsPause('7'));
    await clock.advance(0);

    const closed = app.close();

    expect(await call).toMatchObject({ message: 'down', deadLetterId: expect.any(String) });
    expect(await letters()).toMatchObject([{ reason: 'shutdown', error: { message: 'down' } }]);
    await closed;
  });

  it.each([
    ['without any limit', (orders: Orders) => orders.unlimited('7')],
    ['with a longer timeout', (orders: Orders) => orders.limited('7')],
    ['in a retry', (orders: Orders) => orders.atTheSecondAttempt('7')],
    ['in a fallback that hangs', (orders: Orders) => orders.inItsFallback('7')],
    ['of an Observable', (orders: Orders) => lastValueFrom(orders.observed('7'))],
    ['of an async iterable', (orders: Orders) => orders.streamed('7').next()],
  ])('gives up a call %s after the shutdown timeout, and keeps it', async (_, start) => {
    const { app, clock, orders, outcome, letters } = await boot();
    const call = outcome(start(orders));
    await clock.advance(0);

    const closed = app.close();
    await clock.advance('9999ms');
    expect(await letters()).toEqual([]);
    await clock.advance(1);

    expect(await call).toMatchObject({
      code: 'RESILIENCE_SHUTDOWN',
      deadLetterId: expect.any(String),
      message: expect.stringContaining('within the shutdown timeout'),
    });
    expect(await letters()).toMatchObject([{ reason: 'shutdown', args: ['7'] }]);
    await closed;
    expect(clock.pending).toBe(0);
  });

  it('aborts what it gives up', async () => {
    const { app, clock, orders, outcome } = await boot();
    const call = outcome(orders.unlimited('7'));

    const closed = app.close();
    await clock.advance('10s');

    await Promise.all([call, closed]);
    expect(orders.signal?.reason).toMatchObject({ code: 'RESILIENCE_SHUTDOWN' });
  });

  it('ends although nobody moves the clock: the call is given up and kept', async () => {
    const { app, orders, outcome, letters } = await boot();
    const call = outcome(orders.unlimited('7'));

    await app.close();

    expect(await call).toMatchObject({ code: 'RESILIENCE_SHUTDOWN' });
    expect(await letters()).toMatchObject([{ reason: 'shutdown', args: ['7'] }]);
  });

  it.each<[string, Partial<DeadLetterStore>]>([
    ['cannot be closed', { close: hang }],
    ['takes nothing any more', { add: hang }],
    ['answers nothing at all', { add: hang, get: hang, close: hang }],
  ])('ends although the store %s', async (_, broken) => {
    const store = Object.assign(new MemoryDeadLetterStore(), broken);
    const { app, orders, outcome } = await boot({ deadLetter: { store } });
    void outcome(orders.unlimited('7'));

    await expect(app.close()).resolves.toBeUndefined();
  });
});
