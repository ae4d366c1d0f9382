/**
 * Pain 21, nodeshift/opossum#363, #635, #648, connor4312/cockatiel#69, #81, nestjs/terminus#2767, resilience4j/resilience4j#273, #650,
 * #703, #2243: every breaker has its timers, every call leaves a listener on the caller's signal, every key a breaker for ever. Here a
 * circuit reads the clock when it is asked and has no timer, a call takes back what it put on a signal, and keys are bounded.
 */
import 'reflect-metadata';

import { getEventListeners } from 'node:events';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CircuitBreaker, createPolicy, ResilienceService, Retry, Timeout } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { defer, lastValueFrom, type Observable } from 'rxjs';

import { bootOne, lastItem, outcome } from './app.js';
import { Opossum } from './peers/opossum.js';

const CALLS = 200;
const down = (): Promise<never> => Promise.reject(new Error('down'));
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('Pain 21: breakers, timers and listeners pile up', () => {
  it('a circuit has no timer, closed or open', async () => {
    const clock = new FakeClock();
    const policies = Array.from({ length: 100 }, () =>
      createPolicy({ clock, circuitBreaker: { failureThreshold: 1 } }),
    );

    for (const policy of policies) await outcome(policy.execute(down));

    expect(clock.pending).toBe(0);
  });

  it('calls leave neither listeners on the caller’s signal nor timers, however they end', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const policy = createPolicy({
      clock,
      timeout: { each: '1s', total: '10s' },
      retry: { maxRetries: 1, strategy: 'immediate', budget: false },
      circuitBreaker: { minimumCalls: 10_000 },
    });

    for (let i = 0; i < CALLS; i++) {
      await outcome(policy.execute(({ signal: own }) => (i % 2 ? down() : Promise.resolve(own.aborted)), { signal }));
    }

    expect(listeners(signal)).toBe(0);
    await clock.advance('10s');
    expect(clock.pending).toBe(0);
  });

  it.each(['promise', 'observable', 'iterable'] as const)('nor do those of a decorated method: %s', async (kind) => {
    @Injectable()
    class Service {
      calls = 0;
      @Timeout('1s')
      @Retry({ maxRetries: 1, strategy: 'immediate', budget: false })
      promise(_signal: AbortSignal): Promise<number> {
        return this.everySecond();
      }
      @Timeout('1s')
      @Retry({ maxRetries: 1, strategy: 'immediate', budget: false })
      observable(_signal: AbortSignal): Observable<number> {
        return defer(() => this.everySecond());
      }
      @Timeout('1s')
      @Retry({ maxRetries: 1, strategy: 'immediate', budget: false })
      async *iterable(_signal: AbortSignal): AsyncGenerator<number> {
        yield await this.everySecond();
      }
      private everySecond(): Promise<number> {
        return ++this.calls % 2 ? down() : Promise.resolve(this.calls);
      }
    }
    const { clock, close, service } = await bootOne(Service);
    const before = clock.pending;
    const { signal } = new AbortController();

    for (let i = 0; i < CALLS; i++) {
      if (kind === 'promise') await service.promise(signal);
      else if (kind === 'observable') await lastValueFrom(service.observable(signal));
      else await lastItem(service.iterable(signal));
    }

    expect(service.calls).toBe(2 * CALLS);
    expect(listeners(signal)).toBe(0);
    await clock.advance('1s');
    expect(clock.pending).toBeLessThanOrEqual(before);
    await close();
  });

  it('a circuit per key forgets the keys that were used longest ago', async () => {
    @Injectable()
    class Service {
      @CircuitBreaker({ key: (tenant: string) => tenant, maxKeys: 10 })
      async charge(tenant: string): Promise<string> {
        return tenant;
      }
    }
    const { app, close, service } = await bootOne(Service);

    for (let i = 0; i < CALLS; i++) await service.charge(`tenant-${i}`);

    const circuits = app.get(ResilienceService).circuits();
    expect(circuits).toHaveLength(10);
    expect(circuits.map(({ name }) => name)).toContain(`Service.charge[tenant-${CALLS - 1}]`);
    await close();
  });

  describe('the peer', () => {
    afterEach(() => void jest.useRealTimers());

    it('opossum keeps a timer for every breaker, used or not', () => {
      jest.useFakeTimers();

      const breakers = Array.from({ length: 100 }, () => new Opossum(down));

      expect(jest.getTimerCount()).toBeGreaterThanOrEqual(100);
      for (const breaker of breakers) breaker.shutdown();
    });
  });
});
