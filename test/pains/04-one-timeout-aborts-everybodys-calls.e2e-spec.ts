/**
 * Pain 4, nodeshift/opossum#780, #861, #673: the AbortController belongs to the breaker, so the timeout of one call aborts the
 * calls that are well, and every call after it starts aborted. Here every attempt has a signal of its own.
 */
import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Attempt, type AttemptContext, createPolicy, Timeout } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { from, lastValueFrom, type Observable } from 'rxjs';

import { bootOne, hang, lastItem, outcome } from './app.js';
import { Opossum } from './peers/opossum.js';

const aborted = (signals: readonly AbortSignal[]): boolean[] => signals.map((signal) => signal.aborted);

describe('Pain 4: one timeout aborts everybody’s calls', () => {
  it('a policy aborts the signal of the attempt that was late, and no other', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, timeout: 100 });
    const signals: AbortSignal[] = [];
    const call = () => outcome(policy.execute(({ signal }) => (signals.push(signal), hang())));

    const late = call();
    await clock.advance(50);
    void call();
    await clock.advance(50);
    await late;
    void call();

    expect(aborted(signals)).toEqual([true, false, false]);
  });

  it.each(['promise', 'observable', 'iterable'] as const)('so does a decorated method: %s', async (kind) => {
    @Injectable()
    class Service {
      readonly signals: AbortSignal[] = [];
      @Timeout(100)
      promise(@Attempt() attempt?: AttemptContext): Promise<string> {
        return this.start(attempt);
      }
      @Timeout(100)
      observable(@Attempt() attempt?: AttemptContext): Observable<string> {
        return from(this.start(attempt));
      }
      @Timeout(100)
      async *iterable(@Attempt() attempt?: AttemptContext): AsyncGenerator<string> {
        yield await this.start(attempt);
      }
      private start(attempt?: AttemptContext): Promise<string> {
        if (attempt !== undefined) this.signals.push(attempt.signal);
        return hang();
      }
    }
    const { clock, service, close } = await bootOne(Service);
    const CALLS = {
      promise: () => service.promise(),
      observable: () => lastValueFrom(service.observable()),
      iterable: () => lastItem(service.iterable()),
    };

    const late = outcome(CALLS[kind]());
    await clock.advance(50);
    const healthy = outcome(CALLS[kind]());
    await clock.advance(50);

    expect(await late).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
    expect(aborted(service.signals)).toEqual([true, false]);
    await clock.advance(50);
    expect(await healthy).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
    await close();
  });

  describe('the peer', () => {
    afterEach(() => void jest.useRealTimers());

    it('opossum aborts the call that is well, and the ones to come', async () => {
      jest.useFakeTimers();
      const abortController = new AbortController();
      const seen: AbortSignal[] = [];
      const breaker = new Opossum(() => (seen.push(abortController.signal), hang()), { timeout: 100, abortController });

      const late = outcome(breaker.fire());
      await jest.advanceTimersByTimeAsync(50);
      void outcome(breaker.fire());
      await jest.advanceTimersByTimeAsync(50);
      await late;

      expect(aborted(seen)).toEqual([true, true]);
      expect(abortController.signal.aborted).toBe(true);
      breaker.shutdown();
    });
  });
});
