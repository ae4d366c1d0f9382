/**
 * Pain 22, connor4312/cockatiel#11, nodeshift/opossum PR#378, rmyndharis/OpenWA#932: a process does not end, or a test hangs, because of
 * a timer that nobody waits for any more. Here a call that has ended leaves none, and closing the application ends every wait.
 */
import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CircuitBreaker, createPolicy, DeadLetter, DeadLetterService, Retry, Timeout } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { defer, lastValueFrom, type Observable } from 'rxjs';

import { boot, bootOne, lastItem, outcome } from './app.js';
import { Opossum } from './peers/opossum.js';

const SLOWLY = { maxRetries: 5, strategy: 'constant', baseDelay: '10s', jitter: 'none', budget: false } as const;
const down = (): Promise<never> => Promise.reject(new Error('down'));

@Injectable()
class Service {
  calls = 0;
  @Retry(SLOWLY)
  @DeadLetter('shutdown')
  promise(_order: string): Promise<string> {
    return this.fail();
  }
  @Retry(SLOWLY)
  @DeadLetter('shutdown')
  observable(_order: string): Observable<string> {
    return defer(() => this.fail());
  }
  @Retry(SLOWLY)
  @DeadLetter('shutdown')
  async *iterable(_order: string): AsyncGenerator<string> {
    yield await this.fail();
  }
  private fail(): Promise<never> {
    this.calls++;
    return down();
  }
}

describe('Pain 22: timers keep the process alive', () => {
  afterEach(() => void jest.useRealTimers());

  it('a call that has ended leaves nothing that could', async () => {
    jest.useFakeTimers();
    const policy = createPolicy({
      timeout: { each: '30s', total: '1m' },
      retry: { maxRetries: 1, baseDelay: '1s', jitter: 'none' },
      circuitBreaker: { failureThreshold: 1 },
    });

    const call = outcome(policy.execute(down));
    await jest.advanceTimersByTimeAsync(1_000);
    await call;
    await jest.advanceTimersByTimeAsync(60_000);

    expect(jest.getTimerCount()).toBe(0);
  });

  it('a module that was closed leaves nothing either', async () => {
    const clock = new FakeClock();
    @Injectable()
    class Guarded {
      @Timeout('30s')
      @CircuitBreaker()
      async call(): Promise<string> {
        return 'well';
      }
    }
    const { app } = await boot([Guarded], { clock });
    await app.get(Guarded).call();

    await app.close();

    await clock.advance('30s');
    expect(clock.pending).toBe(0);
  });

  it.each(['promise', 'observable', 'iterable'] as const)(
    'closing the application ends a wait at once, and the call becomes a dead letter: %s',
    async (kind) => {
      const { app, clock, service } = await bootOne(Service);
      const call = (): Promise<unknown> => {
        if (kind === 'promise') return service.promise('order-1');
        return kind === 'observable'
          ? lastValueFrom(service.observable('order-1'))
          : lastItem(service.iterable('order-1'));
      };
      const deadLetters = app.get(DeadLetterService);
      const waiting = outcome(call());
      await clock.advance('1s');

      await app.close();

      expect(await waiting).toMatchObject({ message: 'down' });
      expect(service.calls).toBe(1);
      expect((await deadLetters.list({ queue: 'shutdown' })).items).toMatchObject([
        { reason: 'shutdown', args: ['order-1'] },
      ]);
    },
  );

  describe('the peer', () => {
    it('opossum goes on checking the health of a breaker that was shut down', async () => {
      jest.useFakeTimers();
      const check = jest.fn(() => Promise.resolve());
      const breaker = new Opossum(down);
      breaker.healthCheck(check, 1_000);

      breaker.shutdown();
      await jest.advanceTimersByTimeAsync(10_000);

      expect(check.mock.calls.length).toBeGreaterThanOrEqual(10);
      expect(jest.getTimerCount()).toBeGreaterThan(0);
    });
  });
});
