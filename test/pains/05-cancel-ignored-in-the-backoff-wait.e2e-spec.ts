/**
 * Pain 5, openai/openai-node#2580, vercel/ai#7656, browserbase/sdk-node#205: the caller cancels, and the retry sleeps on, then calls
 * again. Here the wait listens to the signal: it ends at once, runs no more attempts and leaves no timer.
 */
import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { createPolicy, Retry } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { ConstantBackoff, handleAll, retry } from 'cockatiel';
import { type Observable, throwError } from 'rxjs';

import { bootOne, outcome } from './app.js';

const SLOWLY = { maxRetries: 5, strategy: 'constant', baseDelay: 700, jitter: 'none', budget: false } as const;

describe('Pain 5: cancel is ignored in the backoff wait', () => {
  it('a policy ends the wait with the caller’s reason, runs no more and leaves no timer', async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    const down = jest.fn(() => Promise.reject(new Error('down')));
    const call = outcome(createPolicy({ clock, retry: SLOWLY }).execute(down, { signal: caller.signal }));
    await clock.advance(50);

    caller.abort('gone');

    expect(await call).toBe('gone');
    expect(clock.pending).toBe(0);
    await clock.advance('1h');
    expect(down).toHaveBeenCalledTimes(1);
  });

  describe('a decorated method', () => {
    @Injectable()
    class Service {
      calls = 0;
      @Retry(SLOWLY)
      async promise(_options: { signal: AbortSignal }): Promise<never> {
        this.calls++;
        throw new Error('down');
      }
      @Retry(SLOWLY)
      observable(): Observable<never> {
        this.calls++;
        return throwError(() => new Error('down'));
      }
      @Retry(SLOWLY)
      async *iterable(_options: { signal: AbortSignal }): AsyncGenerator<string> {
        this.calls++;
        yield await Promise.reject(new Error('down'));
      }
    }

    it.each(['promise', 'iterable'] as const)(
      'ends its wait when the signal among its arguments aborts: %s',
      async (kind) => {
        const { clock, service, close } = await bootOne(Service);
        const before = clock.pending;
        const { signal, abort } = controller();
        const call = outcome(kind === 'promise' ? service.promise({ signal }) : service.iterable({ signal }).next());
        await clock.advance(50);

        abort();

        expect(await call).toBe('gone');
        expect(clock.pending).toBeLessThanOrEqual(before);
        await clock.advance('1h');
        expect(service.calls).toBe(1);
        await close();
      },
    );

    it('ends its wait when nobody is subscribed any more: observable', async () => {
      const { clock, service, close } = await bootOne(Service);
      const before = clock.pending;
      const subscription = service.observable().subscribe({ error: () => undefined });
      await clock.advance(50);

      subscription.unsubscribe();

      expect(clock.pending).toBeLessThanOrEqual(before);
      await clock.advance('1h');
      expect(service.calls).toBe(1);
      await close();
    });
  });

  describe('the peer', () => {
    afterEach(() => void jest.useRealTimers());

    it('cockatiel waits to the end, and calls once more', async () => {
      jest.useFakeTimers();
      const caller = new AbortController();
      const down = jest.fn(() => Promise.reject(new Error('down')));
      let settled = false;
      const call = outcome(
        retry(handleAll, { maxAttempts: 5, backoff: new ConstantBackoff(700) }).execute(down, caller.signal),
      ).finally(() => (settled = true));
      await jest.advanceTimersByTimeAsync(50);

      caller.abort('gone');
      await jest.advanceTimersByTimeAsync(600);

      expect(settled).toBe(false);
      await jest.advanceTimersByTimeAsync(50);
      expect(await call).toMatchObject({ message: 'down' });
      expect(down).toHaveBeenCalledTimes(2);
    });
  });
});

function controller(): { signal: AbortSignal; abort: () => void } {
  const made = new AbortController();
  return { signal: made.signal, abort: () => made.abort('gone') };
}
