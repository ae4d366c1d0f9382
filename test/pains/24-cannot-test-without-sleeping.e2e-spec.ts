/**
 * Pain 24, resilience4j/resilience4j#734, #2234, #475, Netflix/Hystrix#1466, smallrye/smallrye-fault-tolerance#1049: a test of a
 * minute's recovery takes a minute, because the library reads the time itself. Here one clock is handed in; it stands still until
 * the test moves it, and jest's fake timers work as well.
 */
import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  CircuitBreaker,
  createPolicy,
  ResilienceModule,
  ResilienceService,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { FakeClock, RecordingEvents, ResilienceTestingModule } from '@nest-resilience/core/testing';
import { Test } from '@nestjs/testing';
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleAll } from 'cockatiel';
import { defer, lastValueFrom, type Observable } from 'rxjs';

import { hang, lastItem, outcome } from './app.js';

const down = (): Promise<never> => Promise.reject(new Error('down'));
const DAILY = { maxRetries: 7, strategy: 'constant', baseDelay: '1d', maxDelay: '1d', jitter: 'none' } as const;

@Injectable()
class Service {
  calls = 0;
  @Retry(DAILY)
  promise(): Promise<string> {
    return this.eighthTime();
  }
  @Retry(DAILY)
  observable(): Observable<string> {
    return defer(() => this.eighthTime());
  }
  @Retry(DAILY)
  async *iterable(): AsyncGenerator<string> {
    yield await this.eighthTime();
  }
  @Timeout('1h')
  @CircuitBreaker({ failureThreshold: 1, recoveryTimeout: '1d' })
  async hangs(): Promise<string> {
    return this.calls++ === 0 ? hang() : 'recovered';
  }
  private async eighthTime(): Promise<string> {
    if (++this.calls < 8) throw new Error('not yet');
    return `after ${this.calls}`;
  }
}

describe('Pain 24: cannot test without sleeping', () => {
  afterEach(() => void jest.useRealTimers());

  it('a policy with a FakeClock lives through a week of waits and an outage', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, circuitBreaker: { failureThreshold: 1, recoveryTimeout: '7d' } });
    await outcome(policy.execute(down));

    await clock.advance('6d');
    const early = await outcome(policy.execute(async () => 'early'));
    await clock.advance('1d');

    expect(early).toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN', retryAfterMs: 86_400_000 });
    expect(await policy.execute(async () => 'a week later')).toBe('a week later');
  });

  it.each(['promise', 'observable', 'iterable'] as const)(
    'the clock of the testing module drives decorated methods: %s',
    async (kind) => {
      const app = await Test.createTestingModule({
        imports: [ResilienceTestingModule.forRoot()],
        providers: [Service],
      }).compile();
      await app.init();
      const [clock, service] = [app.get(FakeClock), app.get(Service)];
      const CALLS = {
        promise: () => service.promise(),
        observable: () => lastValueFrom(service.observable()),
        iterable: () => lastItem(service.iterable()),
      };

      const answer = CALLS[kind]();
      await clock.advance('7d');

      expect(await answer).toBe('after 8');
      expect(app.get(RecordingEvents).names).toEqual([
        ...Array.from({ length: 7 }, () => 'resilience.retry.scheduled'),
        'resilience.retry.recovered',
      ]);
      await app.close();
    },
  );

  it('so do jest’s fake timers, with nothing handed in', async () => {
    jest.useFakeTimers();
    const app = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [Service],
    }).compile();
    await app.init();
    const service = app.get(Service);

    const late = outcome(service.hangs());
    await jest.advanceTimersByTimeAsync(3_600_000);
    const circuit = app.get(ResilienceService).circuit('Service.hangs');
    const opened = circuit.state;
    await jest.advanceTimersByTimeAsync(24 * 3_600_000);

    expect(await late).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
    expect(opened).toBe('open');
    expect(await service.hangs()).toBe('recovered');
    jest.useRealTimers();
    await app.close();
  });

  describe('the peer', () => {
    it('cockatiel takes no clock: only by replacing the time of the whole process does its circuit recover', async () => {
      const clock = new FakeClock();
      const options = { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(1), clock };
      const breaker = circuitBreaker(handleAll, options);
      await outcome(breaker.execute(down));

      await clock.advance('1d');

      expect(await outcome(breaker.execute(() => 'recovered'))).toBeInstanceOf(Error);
      expect(breaker.state).toBe(CircuitState.Open);
    });
  });
});
