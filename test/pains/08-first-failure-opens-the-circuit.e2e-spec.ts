/**
 * Pain 8, nodeshift/opossum#217, #288, #481, #558: one failed call of a service that has just started opens the circuit, and the
 * rate is a share of the calls started, so that calls in flight hide how many fail. Here a rate needs `minimumCalls` results, and
 * only results count.
 */
import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CircuitBreaker, CircuitOpenError, createPolicy, ResilienceService } from '@nest-resilience/core';
import { lastValueFrom, type Observable, throwError } from 'rxjs';

import { bootOne, hang, lastItem, outcome } from './app.js';
import { Opossum } from './peers/opossum.js';

const down = (): Promise<never> => Promise.reject(new Error('down'));

async function times(count: number, call: () => Promise<unknown>): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (let i = 0; i < count; i++) outcomes.push(await outcome(call()));
  return outcomes;
}

describe('Pain 8: the first failure opens the circuit', () => {
  it('a policy with its defaults judges no rate below five results', async () => {
    const policy = createPolicy({ circuitBreaker: true });

    const outcomes = await times(6, () => policy.execute(down));

    expect(outcomes.map((one) => one instanceof CircuitOpenError)).toEqual([false, false, false, false, false, true]);
  });

  it('calls in flight are no results: they do not thin out the rate', async () => {
    const policy = createPolicy({ circuitBreaker: { failureRate: 0.6 } });
    for (let i = 0; i < 10; i++) void policy.execute(hang);

    await times(5, () => policy.execute(down));

    expect(await outcome(policy.execute(async () => 1))).toBeInstanceOf(CircuitOpenError);
  });

  it.each(['promise', 'observable', 'iterable'] as const)('so does a decorated method: %s', async (kind) => {
    @Injectable()
    class Service {
      @CircuitBreaker()
      promise(): Promise<never> {
        return down();
      }
      @CircuitBreaker()
      observable(): Observable<never> {
        return throwError(() => new Error('down'));
      }
      @CircuitBreaker()
      async *iterable(): AsyncGenerator<string> {
        yield await down();
      }
    }
    const { app, service, close } = await bootOne(Service);
    const circuit = app.get(ResilienceService).circuit(`Service.${kind}`);
    const call = (): Promise<unknown> => {
      if (kind === 'promise') return service.promise();
      return kind === 'observable' ? lastValueFrom(service.observable()) : lastItem(service.iterable());
    };

    await times(4, call);
    const before = circuit.state;
    await times(4, call);

    expect(before).toBe('closed');
    // Refusals are no results either: five calls failed, three were refused.
    expect(circuit.snapshot()).toMatchObject({ state: 'open', failures: 5, notPermitted: 3 });
    await close();
  });

  describe('the peer', () => {
    it('opossum opens at the first failure', async () => {
      const breaker = new Opossum(down);

      await outcome(breaker.fire());

      expect(breaker.opened).toBe(true);
      breaker.shutdown();
    });

    it('opossum stays closed although every call that ended has failed, because others are in flight', async () => {
      let answer: () => Promise<unknown> = hang;
      const breaker = new Opossum(() => answer(), { timeout: false, errorThresholdPercentage: 60 });
      for (let i = 0; i < 10; i++) void breaker.fire();
      answer = down;

      await times(5, () => breaker.fire());

      expect(breaker.opened).toBe(false);
      breaker.shutdown();
    });
  });
});
