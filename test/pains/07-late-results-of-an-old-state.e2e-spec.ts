/**
 * Pain 7, resilience4j/resilience4j#1090, denoland/std PR#7306: a call from before the circuit opened ends after it has closed again,
 * and its failure opens the recovered circuit. Here a result belongs to the generation in which its call was admitted.
 */
import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CircuitBreaker, createPolicy, ResilienceService } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleAll } from 'cockatiel';
import { defer, lastValueFrom, type Observable } from 'rxjs';

import { bootOne, lastItem, outcome } from './app.js';

const OPENS_AT_ONCE = { failureThreshold: 1, recoveryTimeout: '10s' } as const;
const down = (): Promise<never> => Promise.reject(new Error('down'));

/** A call that fails when it is told to. */
function failingLater(): { call: () => Promise<never>; fail: () => void } {
  let fail: () => void = () => undefined;
  const pending = new Promise<never>((_resolve, reject) => (fail = () => reject(new Error('late'))));
  return { call: () => pending, fail };
}

describe('Pain 7: late results of an old state move the new one', () => {
  it('a policy drops the late failure: the recovered circuit admits the next call', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, circuitBreaker: OPENS_AT_ONCE });
    const late = failingLater();
    const old = outcome(policy.execute(late.call));
    await outcome(policy.execute(down));
    await clock.advance('10s');
    await policy.execute(async () => 'recovered');

    late.fail();
    await old;

    expect(await policy.execute(async () => 'well')).toBe('well');
  });

  it.each(['promise', 'observable', 'iterable'] as const)('so does a decorated method: %s', async (kind) => {
    @Injectable()
    class Service {
      next: () => Promise<string> = down;
      @CircuitBreaker(OPENS_AT_ONCE)
      promise(): Promise<string> {
        return this.next();
      }
      @CircuitBreaker(OPENS_AT_ONCE)
      observable(): Observable<string> {
        return defer(this.next);
      }
      @CircuitBreaker(OPENS_AT_ONCE)
      async *iterable(): AsyncGenerator<string> {
        yield await this.next();
      }
    }
    const { app, clock, service, close } = await bootOne(Service);
    const circuit = app.get(ResilienceService).circuit(`Service.${kind}`);
    const call = (next: () => Promise<string>): Promise<unknown> => {
      service.next = next;
      if (kind === 'promise') return outcome(service.promise());
      return outcome(kind === 'observable' ? lastValueFrom(service.observable()) : lastItem(service.iterable()));
    };
    const late = failingLater();
    const old = call(late.call);
    await call(down);
    await clock.advance('10s');
    await call(async () => 'recovered');

    late.fail();

    expect(await old).toMatchObject({ message: 'late' });
    expect(circuit.snapshot()).toMatchObject({ state: 'closed', failures: 0 });
    await close();
  });

  describe('the peer', () => {
    afterEach(() => void jest.useRealTimers());

    it('cockatiel opens the recovered circuit', async () => {
      jest.useFakeTimers();
      const breaker = circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(1) });
      const late = failingLater();
      const old = outcome(breaker.execute(late.call));
      await outcome(breaker.execute(down));
      await jest.advanceTimersByTimeAsync(10_000);
      await breaker.execute(() => 'recovered');
      expect(breaker.state).toBe(CircuitState.Closed);

      late.fail();
      await old;

      expect(breaker.state).toBe(CircuitState.Open);
    });
  });
});
