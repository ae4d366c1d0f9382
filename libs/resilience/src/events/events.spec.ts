import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule } from '@nestjs/event-emitter';
import { Test, type TestingModule } from '@nestjs/testing';
import { ResilienceModule } from '../nest/resilience.module.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { settle } from '../testing/settle.js';
import { EventEmitterSink, OnResilienceEvent, type ResilienceEventMap } from './index.js';

describe('EventEmitterSink', () => {
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it.each([
    ['by its name', {}, 'resilience.retry.scheduled', true],
    ['to something else', {}, 'resilience.retry.exhausted', false],
    ['by a pattern', { wildcard: true }, 'resilience.**', true],
    ['by a pattern of something else', { wildcard: true }, 'orders.**', false],
  ])('knows whether somebody listens %s', (_, options, pattern, expected) => {
    const emitter = new EventEmitter2(options);
    const sink = new EventEmitterSink(emitter);
    expect(sink.listens('resilience.retry.scheduled')).toBe(false);

    emitter.on(pattern, () => undefined);

    expect(sink.listens('resilience.retry.scheduled')).toBe(expected);
    emitter.removeAllListeners();
    expect(sink.listens('resilience.retry.scheduled')).toBe(false);
  });

  it.each([{}, { wildcard: true }])('knows listeners of every event (%p)', (options) => {
    const emitter = new EventEmitter2(options);

    emitter.onAny(() => undefined);

    expect(new EventEmitterSink(emitter).listens('resilience.retry.scheduled')).toBe(true);
  });

  it('delivers in a later turn, in order, in the async context of the call', async () => {
    const context = new AsyncLocalStorage<string>();
    const emitter = new EventEmitter2();
    const sink = new EventEmitterSink(emitter);
    const heard: unknown[] = [];
    emitter.on('a', (payload) => heard.push([payload, context.getStore()]));

    context.run('first call', () => sink.emit('a', { n: 1 }));
    context.run('second call', () => sink.emit('a', { n: 2 }));
    expect(heard).toEqual([]);
    await settle();

    expect(heard).toEqual([
      [{ n: 1 }, 'first call'],
      [{ n: 2 }, 'second call'],
    ]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('listener');
      },
    ],
    ['rejects', () => Promise.reject(new Error('listener'))],
  ])('logs a listener that %s and goes on', async (_, listener) => {
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const emitter = new EventEmitter2();
    const sink = new EventEmitterSink(emitter);
    const heard = jest.fn();
    emitter.once('a', listener as () => void);

    sink.emit('a', {});
    await settle();
    emitter.on('a', heard);
    sink.emit('a', {});
    await settle();

    expect(error).toHaveBeenCalledWith(
      "A listener of 'a' failed; the call it was told about is not affected",
      expect.stringContaining('listener'),
    );
    expect(heard).toHaveBeenCalledTimes(1);
  });

  it('delivers under fake timers', async () => {
    jest.useFakeTimers();
    const emitter = new EventEmitter2();
    const heard = jest.fn();
    emitter.on('a', heard);

    new EventEmitterSink(emitter).emit('a', {});
    await settle();

    expect(heard).toHaveBeenCalledTimes(1);
  });
});

@Injectable()
class Pager {
  readonly heard: ResilienceEventMap['resilience.retry.recovered'][] = [];

  @OnResilienceEvent('resilience.retry.recovered')
  recovered(event: ResilienceEventMap['resilience.retry.recovered']): void {
    this.heard.push(event);
  }

  @OnResilienceEvent('resilience.retry.scheduled')
  broken(): never {
    throw new Error('listener');
  }

  // @ts-expect-error a circuit event is no retry event
  @OnResilienceEvent('resilience.circuit.opened')
  wrong(event: ResilienceEventMap['resilience.retry.recovered']): void {
    this.heard.push(event);
  }
}

describe('OnResilienceEvent', () => {
  let app: TestingModule;

  afterEach(() => app.close());

  it('hears a policy of the application, which no listener can harm', async () => {
    const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };
    app = await Test.createTestingModule({
      imports: [EventEmitterModule.forRoot(), ResilienceModule.forRoot()],
      providers: [Pager],
    })
      .setLogger(silent)
      .compile();
    await app.init();
    let calls = 0;

    const result = await app
      .get(ResilienceService)
      .execute({ name: 'pay', retry: { maxRetries: 2, baseDelay: 0 } }, () => {
        if (++calls < 3) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
        return 'paid';
      });
    await settle();

    expect(result).toBe('paid');
    expect(app.get(Pager).heard).toEqual([expect.objectContaining({ policy: 'pay', attempts: 3 })]);
  });
});
