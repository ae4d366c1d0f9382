/**
 * Pain 15, langchain-ai/langchainjs#5915, langchain PR#15406, resilience4j/resilience4j#1517, #1174: a fallback learns neither the
 * error nor the arguments, and a wrong name or signature shows only when the fallback is needed, or even breaks calls that are well.
 * Here it gets both, a wrong name stops the boot, and the compiler refuses what does not fit (test/types/fallback.spec.ts).
 */
import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { createPolicy, Fallback, type FallbackContext, Retry } from '@nest-resilience/core';
import { fallback, handleAll } from 'cockatiel';
import { lastValueFrom, type Observable, throwError } from 'rxjs';

import { boot, bootOne, lastItem } from './app.js';
import { nestjsResilience } from './peers/nestjs-resilience.js';

const DOWN = new Error('down');
const ONCE_MORE = { maxRetries: 1, strategy: 'immediate' } as const;

describe('Pain 15: a fallback cannot see the error', () => {
  it('a policy tells its fallback what failed and how often', async () => {
    const seen: FallbackContext[] = [];
    const policy = createPolicy({
      retry: ONCE_MORE,
      fallback: (context: FallbackContext) => void seen.push(context),
    });

    await policy.execute(() => Promise.reject(DOWN));

    expect(seen).toMatchObject([{ error: DOWN, attempts: 2, level: 1, errors: [DOWN] }]);
  });

  it.each(['promise', 'observable', 'iterable', 'sync'] as const)(
    'a fallback method gets the arguments, then the context: %s',
    async (kind) => {
      @Injectable()
      class Service {
        seen: unknown[] = [];
        @Retry(ONCE_MORE)
        @Fallback('instead')
        async promise(_order: string, _amount: number): Promise<string> {
          throw DOWN;
        }
        @Retry(ONCE_MORE)
        @Fallback('instead')
        observable(_order: string, _amount: number): Observable<string> {
          return throwError(() => DOWN);
        }
        @Retry(ONCE_MORE)
        @Fallback('instead')
        async *iterable(_order: string, _amount: number): AsyncGenerator<string> {
          yield await Promise.reject(DOWN);
        }
        @Retry(ONCE_MORE)
        @Fallback('instead')
        sync(_order: string, _amount: number): string {
          throw DOWN;
        }
        private instead(order: string, amount: number, { error, attempts }: FallbackContext): string {
          this.seen.push(order, amount, error, attempts);
          return 'instead';
        }
      }
      const { service, close } = await bootOne(Service);
      const CALLS = {
        promise: () => service.promise('order-1', 5),
        observable: () => lastValueFrom(service.observable('order-1', 5)),
        iterable: () => lastItem(service.iterable('order-1', 5)),
        sync: async () => service.sync('order-1', 5),
      };

      expect(await CALLS[kind]()).toBe('instead');

      expect(service.seen).toEqual(['order-1', 5, DOWN, 2]);
      await close();
    },
  );

  it('a name that the class does not have stops the boot, before any call', async () => {
    // The compiler refuses a literal.
    const misspelt: string = 'insted';
    @Injectable()
    class Service {
      @Fallback(misspelt)
      async call(): Promise<string> {
        return 'well';
      }
      instead(): string {
        return 'instead';
      }
    }

    await expect(boot([Service])).rejects.toThrow(/Service\.call > @Fallback: got 'insted'.*did you mean 'instead'/s);
  });

  describe('the peers', () => {
    it('cockatiel calls it with nothing', async () => {
      const seen: unknown[][] = [];
      const policy = fallback(handleAll, (...args: unknown[]) => void seen.push(args));

      await policy.execute(() => Promise.reject(DOWN));

      expect(seen).toEqual([[]]);
    });

    it('nestjs-resilience gives it the argument and no error', async () => {
      expect((await nestjsResilience()).fallback).toEqual({ argument: 'order-1', errors: 0 });
    });
  });
});
