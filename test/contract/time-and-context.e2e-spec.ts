import 'reflect-metadata';

import { AsyncLocalStorage } from 'node:async_hooks';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  Attempt,
  type AttemptContext,
  DeadLetter,
  DeadLetterService,
  ResilienceModule,
  ResilienceService,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { Test, type TestingModule } from '@nestjs/testing';

const requests = new AsyncLocalStorage<string>();

@Injectable()
class Flaky {
  calls = 0;
  contexts: (string | undefined)[] = [];
  signals: AbortSignal[] = [];

  @Retry({ maxRetries: 2, baseDelay: '1s', jitter: 'none', budget: false })
  async afterWaits(): Promise<number> {
    this.calls++;
    this.contexts.push(requests.getStore());
    if (this.calls < 3) throw new Error('not yet');
    return this.calls;
  }

  @Timeout('2s')
  @Retry({ maxRetries: 1, strategy: 'immediate', budget: false })
  async afterTimeout(@Attempt() attempt?: AttemptContext): Promise<string> {
    this.contexts.push(requests.getStore());
    if (attempt !== undefined) this.signals.push(attempt.signal);
    if (attempt?.number === 1) await new Promise(() => undefined);
    return 'late but there';
  }

  @Retry({ maxRetries: 5, baseDelay: '10s', jitter: 'none', budget: false })
  @DeadLetter('shutdown')
  async waiting(_order: string): Promise<never> {
    this.calls++;
    throw new Error('down');
  }

  @Retry({ maxRetries: 5, baseDelay: '10s', jitter: 'none', budget: false })
  async abortable(_options: { signal: AbortSignal }): Promise<never> {
    this.calls++;
    throw new Error('down');
  }
}

async function boot(clock?: FakeClock): Promise<TestingModule> {
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(clock === undefined ? {} : { clock })],
    providers: [Flaky],
  }).compile();
  return module.init();
}

describe('Time', () => {
  afterEach(() => void jest.useRealTimers());

  it("works under jest's modern fake timers, waits and timeouts alike", async () => {
    jest.useFakeTimers();
    const module = await boot();
    const flaky = module.get(Flaky);

    const retried = flaky.afterWaits();
    await jest.advanceTimersByTimeAsync(3_000);
    const timedOut = flaky.afterTimeout();
    await jest.advanceTimersByTimeAsync(2_001);

    await expect(retried).resolves.toBe(3);
    await expect(timedOut).resolves.toBe('late but there');
    await module.close();
  });

  it('leaves no timer behind when a wait is aborted (pain 5: cancel is ignored in the backoff wait)', async () => {
    const clock = new FakeClock();
    const module = await boot(clock);
    const flaky = module.get(Flaky);
    const before = clock.pending;
    const controller = new AbortController();

    const outcome = flaky.abortable({ signal: controller.signal }).catch((error: unknown) => error);
    await clock.advance(5_000);
    controller.abort(new Error('caller left'));

    expect(await outcome).toMatchObject({ message: 'caller left' });
    await clock.advance('1h');
    expect(flaky.calls).toBe(1);
    expect(clock.pending).toBeLessThanOrEqual(before);
    await module.close();
  });
});

describe('Async context (pain 20: AsyncLocalStorage lost)', () => {
  it('every attempt runs in the context of its caller, after waits and after timeouts', async () => {
    const clock = new FakeClock();
    const module = await boot(clock);
    const flaky = module.get(Flaky);

    const calls = Promise.all(['a', 'b'].map((name) => requests.run(name, () => flaky.afterTimeout())));
    await clock.advance('2s');
    await calls;

    expect(flaky.contexts).toEqual(['a', 'b', 'a', 'b']);
    expect(flaky.signals.map((signal) => signal.aborted)).toEqual([true, true, false, false]);
    await module.close();
  });

  it('holds across waits, whoever drives the timers', async () => {
    jest.useFakeTimers();
    const module = await boot();
    const flaky = module.get(Flaky);

    const call = requests.run('request-1', () => flaky.afterWaits());
    await jest.advanceTimersByTimeAsync(3_000);
    await call;

    expect(flaky.contexts).toEqual(['request-1', 'request-1', 'request-1']);
    await module.close();
    jest.useRealTimers();
  });
});

describe('Shutdown', () => {
  it('cuts waits short and keeps their calls as dead letters with reason shutdown', async () => {
    const clock = new FakeClock();
    const module = await boot(clock);
    const flaky = module.get(Flaky);
    const deadLetters = module.get(DeadLetterService);

    const outcome = flaky.waiting('order-1').catch((error: unknown) => error);
    await clock.advance('1s');
    const closing = module.close();
    const error = await outcome;
    await closing;

    expect(error).toMatchObject({ message: 'down', deadLetterId: expect.any(String) });
    expect((await deadLetters.list({ queue: 'shutdown' })).items).toMatchObject([
      { reason: 'shutdown', args: ['order-1'] },
    ]);
    expect(flaky.calls).toBe(1);
  });
});

describe('Policies without decorators', () => {
  it('an inline policy remembers by its options object, a named one by its name', async () => {
    const module = await boot(new FakeClock());
    const resilience = module.get(ResilienceService);
    const options = { circuitBreaker: { failureThreshold: 1 } };
    const down = () => Promise.reject(new Error('down'));

    await expect(resilience.execute(options, down)).rejects.toThrow('down');
    await expect(resilience.execute(options, down)).rejects.toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN' });
    await expect(resilience.execute({ ...options }, down)).rejects.toThrow('down');

    expect(resilience.circuits()).toEqual([]);
    await module.close();
  });

  it('an unknown policy and an unknown circuit name what exists', async () => {
    const module = await boot(new FakeClock());
    const resilience = module.get(ResilienceService);

    await expect(resilience.execute('nope', () => 1)).rejects.toThrow(
      "No policy 'nope' in ResilienceModule.forRoot({ policies }); known: none",
    );
    expect(() => resilience.circuit('nope')).toThrow(/No circuit 'nope'/);
    await module.close();
  });
});
