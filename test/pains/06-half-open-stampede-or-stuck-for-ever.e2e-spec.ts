/**
 * Pain 6, nodeshift/opossum#119, #276, #385, #613, #819, resilience4j/resilience4j#903, #935, #2028, #2289: a recovering dependency
 * is hit by everybody who waited, or a probe that never ends keeps the circuit from ever closing. Here a half-open circuit admits
 * its probes and refuses the rest, and a probe that hangs counts as failed after `halfOpenTimeout`.
 */
import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CircuitBreaker, CircuitOpenError, createPolicy, ResilienceService } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleAll } from 'cockatiel';
import { from, lastValueFrom, type Observable } from 'rxjs';

import { bootOne, hang, lastItem, outcome } from './app.js';
import { nestjsResilience } from './peers/nestjs-resilience.js';
import { Opossum } from './peers/opossum.js';

const OPENS_AT_ONCE = { failureThreshold: 1, recoveryTimeout: '10s', halfOpenTimeout: '30s' } as const;
const down = (): Promise<never> => Promise.reject(new Error('down'));

describe('Pain 6: half-open lets everybody through, or is stuck for ever', () => {
  it('a policy admits one probe of fifty calls and refuses the others at once', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, circuitBreaker: OPENS_AT_ONCE });
    await outcome(policy.execute(down));
    await clock.advance('10s');
    let entered = 0;

    const calls = Array.from({ length: 50 }, () => outcome(policy.execute(async () => ++entered)));

    const outcomes = await Promise.all(calls);
    expect(entered).toBe(1);
    expect(outcomes.filter((one) => one instanceof CircuitOpenError)).toHaveLength(49);
    expect(await policy.execute(async () => 'closed')).toBe('closed');
  });

  describe('a decorated method', () => {
    @Injectable()
    class Service {
      entered = 0;
      answer: () => Promise<string> = down;
      @CircuitBreaker(OPENS_AT_ONCE)
      promise(): Promise<string> {
        return this.enter();
      }
      @CircuitBreaker(OPENS_AT_ONCE)
      observable(): Observable<string> {
        return from(this.enter());
      }
      @CircuitBreaker(OPENS_AT_ONCE)
      async *iterable(): AsyncGenerator<string> {
        yield await this.enter();
      }
      private enter(): Promise<string> {
        this.entered++;
        return this.answer();
      }
    }
    const call = (service: Service, kind: 'promise' | 'observable' | 'iterable'): Promise<unknown> => {
      if (kind === 'promise') return outcome(service.promise());
      return outcome(kind === 'observable' ? lastValueFrom(service.observable()) : lastItem(service.iterable()));
    };

    it.each(['promise', 'observable', 'iterable'] as const)('admits one probe: %s', async (kind) => {
      const { clock, service, close } = await bootOne(Service);
      await call(service, kind);
      await clock.advance('10s');
      service.answer = hang;

      const probe = call(service, kind);
      const others = await Promise.all(Array.from({ length: 49 }, () => call(service, kind)));

      expect(service.entered).toBe(2);
      expect(others.every((one) => one instanceof CircuitOpenError)).toBe(true);
      void probe;
      await close();
    });

    it.each(['promise', 'observable', 'iterable'] as const)('is not jammed by a probe that hangs: %s', async (kind) => {
      const { app, clock, service, close } = await bootOne(Service);
      const circuit = app.get(ResilienceService).circuit(`Service.${kind}`);
      await call(service, kind);
      await clock.advance('10s');
      service.answer = hang;
      void call(service, kind);
      await clock.advance('30s');
      const refused = await call(service, kind);
      await clock.advance('10s');
      service.answer = () => Promise.resolve('well');

      await call(service, kind);

      expect(refused).toBeInstanceOf(CircuitOpenError);
      expect(circuit.state).toBe('closed');
      await close();
    });
  });

  describe('the peers', () => {
    afterEach(() => void jest.useRealTimers());

    it('cockatiel keeps the others waiting, then lets all of them in', async () => {
      jest.useFakeTimers();
      const breaker = circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(1) });
      await outcome(breaker.execute(down));
      await jest.advanceTimersByTimeAsync(10_000);
      let entered = 0;
      let end: () => void = () => undefined;
      const probe = breaker.execute(() => new Promise<void>((resolve) => (end = resolve)));

      const others = Array.from({ length: 49 }, () => breaker.execute(() => ++entered));
      await jest.advanceTimersByTimeAsync(60_000);
      expect([entered, breaker.state]).toEqual([0, CircuitState.HalfOpen]);
      end();
      await Promise.all([probe, ...others]);

      expect(entered).toBe(49);
    });

    it('opossum never leaves half-open when its probe hangs and has no timeout', async () => {
      jest.useFakeTimers();
      let answer: () => Promise<unknown> = down;
      const breaker = new Opossum(() => answer(), { timeout: false, resetTimeout: 10_000 });
      await outcome(breaker.fire());
      await jest.advanceTimersByTimeAsync(10_000);
      answer = hang;
      void outcome(breaker.fire());
      answer = () => Promise.resolve('well');

      await jest.advanceTimersByTimeAsync(24 * 3_600_000);

      expect(await outcome(breaker.fire())).toMatchObject({ code: 'EOPENBREAKER' });
      expect(breaker.halfOpen).toBe(true);
      breaker.shutdown();
    });

    it('nestjs-resilience lets all fifty in', async () => {
      expect((await nestjsResilience()).halfOpen).toEqual({ toOpen: 1, admitted: 50 });
    });
  });
});
