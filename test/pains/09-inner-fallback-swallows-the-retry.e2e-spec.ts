/**
 * Pain 9, resilience4j/resilience4j#558, #593, #614, #1613, connor4312/cockatiel#19: a fallback written inside of the retry answers
 * first, so nothing is ever retried and nothing ever opens, silently. Here the order of writing means nothing: the fallback sees what
 * is left after all retries, and the circuit judges every attempt.
 */
import 'reflect-metadata';

import { describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CircuitBreaker, createPolicy, Fallback, ResilienceService, Retry } from '@nest-resilience/core';
import { fallback, handleAll, retry, wrap } from 'cockatiel';
import { lastValueFrom, type Observable, throwError } from 'rxjs';

import { bootOne, lastItem } from './app.js';

const THRICE = { maxRetries: 2, strategy: 'immediate', budget: false } as const;
const down = (): Promise<never> => Promise.reject(new Error('down'));

describe('Pain 9: the retry never happens because an inner fallback swallowed the error', () => {
  it('a policy retries before it falls back, in whatever order its options stand', async () => {
    const first = jest.fn(down);
    const second = jest.fn(down);

    const answers = [
      await createPolicy({ fallback: { value: 'instead' }, retry: THRICE }).execute(first),
      await createPolicy({ retry: THRICE, fallback: { value: 'instead' } }).execute(second),
    ];

    expect(answers).toEqual(['instead', 'instead']);
    expect(first).toHaveBeenCalledTimes(3);
    expect(second).toHaveBeenCalledTimes(3);
  });

  describe('a decorated method', () => {
    @Injectable()
    class Service {
      calls = 0;
      @Retry(THRICE)
      @CircuitBreaker()
      @Fallback({ value: 'instead' })
      async fallbackInside(): Promise<string> {
        this.calls++;
        return down();
      }
      @Fallback({ value: 'instead' })
      @CircuitBreaker()
      @Retry(THRICE)
      async fallbackOutside(): Promise<string> {
        this.calls++;
        return down();
      }
      @Retry(THRICE)
      @CircuitBreaker()
      @Fallback({ value: 'instead' })
      observable(): Observable<string> {
        return throwError(() => {
          this.calls++;
          return new Error('down');
        });
      }
      @Retry(THRICE)
      @CircuitBreaker()
      @Fallback({ value: 'instead' })
      async *iterable(): AsyncGenerator<string> {
        this.calls++;
        yield await down();
      }
    }

    it.each(['fallbackInside', 'fallbackOutside', 'observable', 'iterable'] as const)(
      'runs three times, is judged three times, then falls back: %s',
      async (method) => {
        const { app, service, close } = await bootOne(Service);
        const answer = async (): Promise<unknown> => {
          if (method === 'observable') return lastValueFrom(service.observable());
          return method === 'iterable' ? lastItem(service.iterable()) : service[method]();
        };

        expect(await answer()).toBe('instead');

        expect(service.calls).toBe(3);
        expect(app.get(ResilienceService).circuit(`Service.${method}`).snapshot().failures).toBe(3);
        await close();
      },
    );

    it('shows the order in effect', async () => {
      const { app, close } = await bootOne(Service);

      const [inside, outside] = app.get(ResilienceService).policies();

      expect(inside?.layers.map(({ policy }) => policy)).toEqual(outside?.layers.map(({ policy }) => policy));
      expect(inside?.layers[0]?.policy).toBe('Fallback');
      await close();
    });
  });

  describe('the peer', () => {
    it('cockatiel obeys the order of writing: nothing is retried, and nobody is told', async () => {
      const call = jest.fn(down);

      const answer = await wrap(retry(handleAll, { maxAttempts: 2 }), fallback(handleAll, 'instead')).execute(call);

      expect(answer).toBe('instead');
      expect(call).toHaveBeenCalledTimes(1);
    });
  });
});
