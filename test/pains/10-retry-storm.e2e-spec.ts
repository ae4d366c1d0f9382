/**
 * Pain 10, resilience4j/resilience4j#172, #1565, failsafe-go/failsafe-go#66, openai/openai-cookbook PR#2812: when a dependency is
 * down, retries multiply the load that brings it down. Here the retries in flight under one name are bounded: 20 % of the calls in
 * flight, at least 3.
 */
import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { createPolicy, Retry } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { ConstantBackoff, handleAll, retry } from 'cockatiel';
import { defer, lastValueFrom, type Observable } from 'rxjs';

import { bootOne, lastItem, outcome } from './app.js';

const CALLS = 100;
const RETRY = { maxRetries: 3, strategy: 'constant', baseDelay: 100, jitter: 'none' } as const;
const LIMIT = CALLS * 0.2;
/** Of the calls that may retry, each does so up to three times. */
const MOST = CALLS + LIMIT * RETRY.maxRetries;

const down = (): Promise<never> => Promise.reject(new Error('down'));
const hundred = (call: () => Promise<unknown>): Promise<unknown[]> =>
  Promise.all(Array.from({ length: CALLS }, () => outcome(call())));

describe('Pain 10: a retry storm', () => {
  it('a policy sends a dependency that is down a fifth more at once, not four times as much', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, retry: RETRY });
    const call = jest.fn(down);

    const all = hundred(() => policy.execute(call));
    await clock.advance(100);
    expect(call.mock.calls.length).toBeLessThanOrEqual(CALLS + LIMIT);
    await clock.advance('1h');
    const outcomes = await all;

    expect(call.mock.calls.length).toBeGreaterThan(CALLS);
    expect(call.mock.calls.length).toBeLessThanOrEqual(MOST);
    expect(outcomes.every((one) => (one as Error).message === 'down')).toBe(true);
  });

  it.each(['promise', 'observable', 'iterable'] as const)('so does a decorated method: %s', async (kind) => {
    @Injectable()
    class Service {
      calls = 0;
      @Retry(RETRY)
      promise(): Promise<string> {
        return this.fail();
      }
      @Retry(RETRY)
      observable(): Observable<string> {
        return defer(() => this.fail());
      }
      @Retry(RETRY)
      async *iterable(): AsyncGenerator<string> {
        yield await this.fail();
      }
      private fail(): Promise<never> {
        this.calls++;
        return down();
      }
    }
    const { clock, service, close } = await bootOne(Service);

    const all = hundred(() => {
      if (kind === 'promise') return service.promise();
      return kind === 'observable' ? lastValueFrom(service.observable()) : lastItem(service.iterable());
    });
    await clock.advance('1h');
    await all;

    expect(service.calls).toBeGreaterThan(CALLS);
    expect(service.calls).toBeLessThanOrEqual(MOST);
    await close();
  });

  it('a few calls still get their retries: three may always be in flight', async () => {
    const clock = new FakeClock();
    const call = jest.fn(down);

    const one = outcome(createPolicy({ clock, retry: RETRY }).execute(call));
    await clock.advance('1h');
    await one;

    expect(call).toHaveBeenCalledTimes(4);
  });

  describe('the peer', () => {
    afterEach(() => void jest.useRealTimers());

    it('cockatiel sends four times as much', async () => {
      jest.useFakeTimers();
      const policy = retry(handleAll, { maxAttempts: 3, backoff: new ConstantBackoff(100) });
      const call = jest.fn(down);

      const all = hundred(() => policy.execute(call));
      await jest.advanceTimersByTimeAsync(1_000);
      await all;

      expect(call).toHaveBeenCalledTimes(4 * CALLS);
    });
  });
});
