import { describe, expect, it, jest } from '@jest/globals';

import { CircuitOpenError } from '../circuit-breaker/index.js';
import { createPolicy, type Policy } from '../policy/index.js';
import type { PolicyOptions } from '../policy/policy.options.js';
import { FakeClock } from '../testing/fake-clock.js';
import type { RetryExhaustedEvent, RetryScheduledEvent } from './retry.events.js';
import { DEFAULT_RETRY_OPTIONS, readRetryOptions, type RetryOptions } from './retry.options.js';

interface Bench {
  readonly clock: FakeClock;
  readonly policy: Policy;
  readonly events: { name: string; payload: object }[];
  /** Clock times at which the function was entered. */
  readonly starts: number[];
  /** Runs `fn` through the policy and lets time pass until it has answered. */
  run<T>(fn: (attempt: number) => T | Promise<T>): Promise<{ value?: T; error?: unknown; at: number }>;
}

function bench(retry: RetryOptions | number, rest: PolicyOptions = {}, random = () => 0.5): Bench {
  const clock = new FakeClock();
  const events: Bench['events'] = [];
  const sink = { listens: () => true, emit: (name: string, payload: object) => void events.push({ name, payload }) };
  const policy = createPolicy({ name: 'orders', ...rest, retry, clock, random, events: sink });
  const starts: number[] = [];
  return {
    clock,
    policy,
    events,
    starts,
    async run(fn) {
      const outcome = policy
        .execute(async ({ number }) => {
          starts.push(clock.now());
          return fn(number);
        })
        .then(
          (value) => ({ value, at: clock.now() }),
          (error: unknown) => ({ error, at: clock.now() }),
        );
      await clock.advance('1h');
      return outcome;
    },
  };
}

const exhausted = ({ events }: Bench): RetryExhaustedEvent | undefined =>
  events.find(({ name }) => name === 'resilience.retry.exhausted')?.payload as RetryExhaustedEvent | undefined;
const scheduled = ({ events }: Bench): RetryScheduledEvent[] =>
  events
    .filter(({ name }) => name === 'resilience.retry.scheduled')
    .map(({ payload }) => payload as RetryScheduledEvent);
const boom = (): never => {
  throw new Error('boom');
};
const failTimes =
  (times: number) =>
  (attempt: number): string => {
    if (attempt <= times) throw new Error(`attempt ${attempt}`);
    return `attempt ${attempt}`;
  };

describe('the options of @Retry', () => {
  it('have these defaults', () => {
    expect(DEFAULT_RETRY_OPTIONS).toEqual({
      maxRetries: 3,
      strategy: 'exponential',
      baseDelay: 500,
      multiplier: 2,
      maxDelay: 30_000,
      jitter: 'full',
      honorRetryAfter: true,
      retryAfterCap: 60_000,
      throwOnExhaustedResult: false,
      budget: { ratio: 0.2, min: 3 },
    });
    expect(readRetryOptions(undefined, 'p')).toEqual({
      ...DEFAULT_RETRY_OPTIONS,
      retryOn: undefined,
      abortOn: undefined,
      retryOnResult: undefined,
      maxElapsed: undefined,
      byReason: undefined,
    });
  });

  it('name reasons that there are, and counts of retries', () => {
    const read = (byReason: object) => () => readRetryOptions({ byReason }, 'p');

    expect(read({ timout: 1 })).toThrow(/p > byReason > timout: .*did you mean 'timeout'/);
    expect(read({ timeout: -1 })).toThrow(/p > byReason > timeout: got -1, expected a whole number >= 0/);
  });

  it('may be just a number of retries', () => {
    expect(readRetryOptions(7, 'p')).toEqual({ ...readRetryOptions(undefined, 'p'), maxRetries: 7 });
  });

  it('fill up a partial budget, and may switch it off', () => {
    expect(readRetryOptions({ budget: { min: 9 } }, 'p').budget).toEqual({ ratio: 0.2, min: 9 });
    expect(readRetryOptions({ budget: false }, 'p').budget).toBeUndefined();
  });

  it('take durations as numbers and as text', () => {
    const options = { baseDelay: '250ms', maxDelay: '5m', maxElapsed: '1h', retryAfterCap: 10 };

    expect(readRetryOptions(options, 'p')).toMatchObject({
      baseDelay: 250,
      maxDelay: 300_000,
      maxElapsed: 3_600_000,
      retryAfterCap: 10,
    });
  });
});

describe('Retry', () => {
  it.each([0, 1, 3])('makes at most %d calls more than the first', async (maxRetries) => {
    const test = bench(maxRetries);

    await test.run(boom);

    expect(test.starts).toHaveLength(maxRetries + 1);
  });

  it.each<[string, RetryOptions, number]>([
    ['no retry for its reason', { byReason: { timeout: 0 } }, 1],
    ['more than the others', { maxRetries: 1, byReason: { timeout: 4 } }, 5],
    ['as many as the others where only another reason has its own', { maxRetries: 2, byReason: { quota: 9 } }, 3],
    ['none where abortOn takes it', { byReason: { timeout: 4 }, abortOn: () => true }, 1],
    ['its own where retryOn leaves it out', { byReason: { timeout: 1 }, retryOn: () => false }, 2],
  ])('gives an error %s', async (_what, options, calls) => {
    const test = bench({ ...options, strategy: 'immediate' });

    await test.run(() => {
      throw Object.assign(new Error('slow'), { status: 504 });
    });

    expect(test.starts).toHaveLength(calls);
  });

  it('also retries what is not retried by default, when its reason has retries of its own', async () => {
    const test = bench({ byReason: { auth: 2 }, strategy: 'immediate' });

    await test.run(() => {
      throw Object.assign(new Error('no'), { status: 401 });
    });

    expect(test.starts).toHaveLength(3);
  });

  it('counts all retries of the call against what the reason of the last failure allows', async () => {
    const test = bench({ maxRetries: 9, byReason: { timeout: 2 }, strategy: 'immediate' });

    await test.run((attempt) => {
      throw Object.assign(new Error('no'), { status: attempt < 4 ? 500 : 504 });
    });

    expect(test.starts).toHaveLength(4);
    expect(exhausted(test)).toMatchObject({ because: 'max-retries', attempts: 4 });
  });

  it('has recovered nothing when it runs out with a value that was not accepted', async () => {
    const test = bench({ maxRetries: 1, retryOnResult: (value: string) => value === 'pending' });

    const { value } = await test.run(() => 'pending');

    expect(value).toBe('pending');
    expect(test.events.map(({ name }) => name)).toEqual(['resilience.retry.scheduled', 'resilience.retry.exhausted']);
  });

  it('has recovered nothing when a dead letter answers in its place', async () => {
    const deadLetters = { store: () => Promise.resolve('id') };
    const test = bench(1, { deadLetter: { rethrow: false }, ...{ deadLetters } });

    const { value } = await test.run(boom);

    expect(value).toBeUndefined();
    expect(test.events.map(({ name }) => name)).not.toContain('resilience.retry.recovered');
  });

  it('throws the last error unchanged, the same object', async () => {
    const errors = [new Error('first'), new Error('second'), Object.freeze(new Error('third'))];

    const { error } = await bench(2).run((attempt) => Promise.reject(errors[attempt - 1]!));

    expect(error).toBe(errors[2]);
  });

  it.each([undefined, null, 'text', 42, { plain: true }])('throws %p unchanged', async (thrown) => {
    const outcome = await bench(1).run(() => Promise.reject(thrown));

    expect(outcome).toHaveProperty('error', thrown);
  });

  it('answers with the first success, and tells each attempt what failed before', async () => {
    const seen: [number, unknown][] = [];
    const clock = new FakeClock();
    const policy = createPolicy({ retry: { maxRetries: 2, strategy: 'immediate' }, clock });

    const answer = await policy.execute(({ number, lastError, executionId }) => {
      seen.push([number, (lastError as Error | undefined)?.message]);
      expect(executionId).toMatch(/^[0-9a-f-]{36}$/);
      return failTimes(2)(number);
    });

    expect(answer).toBe('attempt 3');
    expect(seen).toEqual([
      [1, undefined],
      [2, 'attempt 1'],
      [3, 'attempt 2'],
    ]);
  });

  it('keeps one execution id for all attempts of a call, and another for the next', async () => {
    const ids: string[] = [];
    const policy = createPolicy({ retry: { maxRetries: 1, strategy: 'immediate' } });
    const call = (): Promise<unknown> =>
      policy
        .execute(({ executionId }) => {
          ids.push(executionId);
          return boom();
        })
        .catch(() => undefined);

    await call();
    await call();

    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).toBe(ids[3]);
    expect(ids[0]).not.toBe(ids[2]);
  });

  describe('waits', () => {
    it.each<[options: RetryOptions, starts: number[]]>([
      [{ strategy: 'exponential' }, [0, 500, 1500, 3500]],
      [{ strategy: 'exponential', multiplier: 3 }, [0, 500, 2000, 6500]],
      [{ strategy: 'exponential', maxDelay: 800 }, [0, 500, 1300, 2100]],
      [{ strategy: 'linear', baseDelay: 100 }, [0, 100, 300, 600]],
      [{ strategy: 'fibonacci', baseDelay: 100 }, [0, 100, 200, 400]],
      [{ strategy: 'constant', baseDelay: '1s' }, [0, 1000, 2000, 3000]],
      [{ strategy: 'immediate' }, [0, 0, 0, 0]],
      [{ strategy: (retry) => retry * 10 }, [0, 10, 30, 60]],
      [{ strategy: () => '2s' }, [0, 2000, 4000, 6000]],
      [{ strategy: () => '2s', maxDelay: '1s' }, [0, 1000, 2000, 3000]],
      [{ baseDelay: 0 }, [0, 0, 0, 0]],
    ])('%j without jitter: calls at %j', async (options, starts) => {
      const test = bench({ ...options, jitter: 'none' });

      await test.run(boom);

      expect(test.starts).toEqual(starts);
    });

    it.each<[RetryOptions, starts: number[]]>([
      [{ jitter: 'full' }, [0, 250, 750, 1750]],
      [{ jitter: 'equal' }, [0, 375, 1125, 2625]],
      [{ jitter: 'decorrelated' }, [0, 1000, 2750, 5625]],
      [{ jitter: 1 }, [0, 750, 2250, 5250]],
      [{ jitter: 1, maxDelay: 600 }, [0, 600, 1200, 1800]],
      [{ jitter: 'decorrelated', maxDelay: 900 }, [0, 700, 1400, 2100]],
    ])('%j with a coin that always shows 0.5: calls at %j', async (options, starts) => {
      const test = bench(options);

      await test.run(boom);

      expect(test.starts).toEqual(starts);
    });

    it('stops when the strategy says false', async () => {
      const test = bench({ maxRetries: 9, strategy: (retry) => (retry > 2 ? false : 0) });

      await test.run(boom);

      expect(test.starts).toHaveLength(3);
      expect(exhausted(test)).toMatchObject({ because: 'strategy', attempts: 3 });
    });

    it('says in each event how long, after which attempt, and why', async () => {
      const test = bench({ maxRetries: 2, jitter: 'none' });

      const { error } = await test.run(boom);

      expect(scheduled(test)).toMatchObject([
        { policy: 'orders', attempt: 1, delayMs: 500, hinted: false },
        { policy: 'orders', attempt: 2, delayMs: 1000, hinted: false },
      ]);
      expect(exhausted(test)).toMatchObject({ policy: 'orders', attempts: 3, because: 'max-retries', error });
    });

    it('tells when a retry rescued the call', async () => {
      const test = bench(3);

      await test.run(failTimes(2));

      expect(test.events.at(-1)).toMatchObject({
        name: 'resilience.retry.recovered',
        payload: { policy: 'orders', attempts: 3 },
      });
    });
  });

  describe('maxElapsed', () => {
    it.each([
      [999, 2],
      [1500, 2],
      [1501, 3],
      [3500, 3],
      [3501, 4],
      ['1h', 4],
    ])('%p ms allow %i calls at 0, 500, 1500, 3500 ms', async (maxElapsed, calls) => {
      const test = bench({ jitter: 'none', maxElapsed });

      await test.run(boom);

      expect(test.starts).toHaveLength(calls);
    });

    it('gives up at once instead of waiting for a retry that cannot be', async () => {
      const test = bench({ jitter: 'none', baseDelay: '10s', maxElapsed: '5s' });

      const { at } = await test.run(boom);

      expect(at).toBe(0);
      expect(exhausted(test)?.because).toBe('max-elapsed');
    });

    it('counts the time that the attempts themselves took', async () => {
      const test = bench({ jitter: 'none', maxElapsed: 1000, maxRetries: 9 });

      await test.run(async () => {
        await new Promise<void>((resolve) => test.clock.setTimer(resolve, 600));
        boom();
      });

      expect(test.starts).toEqual([0]);
    });
  });

  describe('which errors', () => {
    const unauthorized = Object.assign(new Error('no'), { status: 401 });
    class Teapot extends Error {}

    it.each<[string, RetryOptions, unknown, calls: number]>([
      ['an unknown error', {}, new Error('?'), 2],
      ['a transient one', {}, { status: 503 }, 2],
      ['this machine’s', {}, { code: 'EMFILE' }, 2],
      ['a permanent one', {}, unauthorized, 1],
      ['a bad request', {}, { status: 400 }, 1],
      ['not found', {}, { status: 404 }, 1],
      ['an exhausted quota', {}, { status: 429, code: 'insufficient_quota' }, 1],
      ['an abort that the caller did not ask for', {}, new DOMException('', 'AbortError'), 2],
      ['a client that left', {}, { name: 'AbortError', code: 'RESILIENCE_CLIENT_GONE' }, 1],
      ['an open circuit of another call', {}, new CircuitOpenError('other', 'open', 5), 1],
      ['a permanent one that retryOn takes', { retryOn: () => true }, unauthorized, 2],
      ['a transient one that retryOn leaves', { retryOn: Teapot }, new Error('?'), 1],
      ['a class', { retryOn: Teapot }, new Teapot(), 2],
      ['one of several', { retryOn: [RangeError, (e) => e instanceof Teapot] }, new Teapot(), 2],
      ['what abortOn takes', { abortOn: Teapot }, new Teapot(), 1],
      ['what both take', { retryOn: Error, abortOn: Teapot }, new Teapot(), 1],
      ['what abortOn leaves', { abortOn: Teapot }, new Error('?'), 2],
    ])('%s', async (_what, options, thrown, calls) => {
      const test = bench({ ...options, maxRetries: 1 });

      const { error } = await test.run(() => Promise.reject(thrown as Error));

      expect(test.starts).toHaveLength(calls);
      expect(error).toBe(thrown);
    });

    it('judges a synchronous throw the same way', async () => {
      const policy = createPolicy({ retry: { maxRetries: 2, strategy: 'immediate' } });
      const fn = jest.fn(boom);

      await expect(policy.execute(fn)).rejects.toThrow('boom');

      expect(fn).toHaveBeenCalledTimes(3);
    });
  });

  it('waits for the next probe of a circuit that refuses only where it is told to', async () => {
    const circuitBreaker = { failureThreshold: 1, recoveryTimeout: '1s' } as const;
    const fallback = { value: 'constant' };
    const retry = { maxRetries: 1 } as const;
    const usual = bench(retry, { circuitBreaker, fallback });
    const patient = bench({ ...retry, retryOn: CircuitOpenError }, { circuitBreaker, fallback });
    for (const { policy } of [usual, patient]) {
      await policy.execute(() => Promise.reject(Object.assign(new Error('no'), { status: 401 })));
    }

    expect(await usual.run(() => 'up')).toEqual({ value: 'constant', at: 0 });
    expect(await patient.run(() => 'up')).toEqual({ value: 'up', at: 1000 });
  });

  it('waits for it also where nobody listens and a constant could have answered at once', async () => {
    const clock = new FakeClock();
    const circuitBreaker = { failureThreshold: 1, recoveryTimeout: '1s' } as const;
    const retry = { maxRetries: 1, retryOn: CircuitOpenError };
    const policy = createPolicy({ clock, circuitBreaker, retry, fallback: { value: 'constant' } });
    await policy.execute(() => Promise.reject(new Error('down')));

    const answer = policy.execute(async () => 'up');
    await clock.advance('1s');

    expect(await answer).toBe('up');
  });

  describe('pain 11: Retry-After', () => {
    const limited = (headers: object): object => ({ status: 429, headers });

    it.each<[string, unknown, waited: number]>([
      ['milliseconds', limited({ 'retry-after-ms': '1234' }), 1234],
      ['seconds', limited({ 'retry-after': '7' }), 7000],
      ['a date by the injected clock', limited({ 'retry-after': 'Thu, 01 Jan 2026 00:00:20 GMT' }), 20_000],
      ['a rate limit’s reset', limited({ 'x-ratelimit-reset': '3' }), 3000],
      ['a Headers object', { status: 503, headers: new Headers({ 'retry-after': '2' }) }, 2000],
      ['response.headers', { response: { status: 429, headers: { 'Retry-After': '4' } } }, 4000],
      ['responseHeaders', { statusCode: 429, responseHeaders: { 'retry-after': '4' } }, 4000],
      ['exactly the cap', limited({ 'retry-after': '60' }), 60_000],
      ['no time at all', limited({ 'retry-after': '0' }), 0],
      ['longer than maxDelay', limited({ 'retry-after': '45' }), 45_000],
    ])('%s replaces the computed delay', async (_what, thrown, waited) => {
      const test = bench({ maxRetries: 1 });

      await test.run(() => Promise.reject(thrown as Error));

      expect(test.starts).toEqual([0, waited]);
      expect(scheduled(test)).toMatchObject([{ hinted: true, delayMs: waited }]);
    });

    it('above the cap means: give up now', async () => {
      const test = bench({ maxRetries: 3 });
      const thrown = limited({ 'retry-after': '61' });

      const { error, at } = await test.run(() => Promise.reject(thrown as Error));

      expect(error).toBe(thrown);
      expect([at, test.starts.length]).toEqual([0, 1]);
      expect(exhausted(test)?.because).toBe('retry-after-cap');
    });

    it('is not waited for beyond maxElapsed', async () => {
      const test = bench({ maxElapsed: '5s' });

      await test.run(() => Promise.reject(limited({ 'retry-after': '10' }) as Error));

      expect(test.starts).toHaveLength(1);
    });

    it('may be ignored', async () => {
      const test = bench({ maxRetries: 1, honorRetryAfter: false, jitter: 'none' });

      await test.run(() => Promise.reject(limited({ 'retry-after': '3600' }) as Error));

      expect(test.starts).toEqual([0, 500]);
    });
  });

  describe('retryOnResult', () => {
    const notReady = (result: unknown): boolean => result === 'not ready';

    it('tries again for a value that was not accepted', async () => {
      const test = bench({ retryOnResult: notReady, strategy: 'immediate' });

      const { value } = await test.run((attempt) => (attempt < 3 ? 'not ready' : 'ready'));

      expect(value).toBe('ready');
      expect(test.starts).toHaveLength(3);
    });

    it('returns the last such value, and throws nothing', async () => {
      const test = bench({ retryOnResult: (result: { ok: boolean }) => !result.ok, maxRetries: 2 });
      const results = [1, 2, 3].map((number) => ({ ok: false, number }));

      const { value } = await test.run((attempt) => results[attempt - 1]!);

      expect(value).toBe(results[2]);
      expect(exhausted(test)).toMatchObject({ because: 'max-retries', attempts: 3, error: undefined });
    });

    it('mixes with errors: whatever came last is the answer', async () => {
      const test = bench({ retryOnResult: notReady, maxRetries: 1, strategy: 'immediate' });

      const first = await test.run((attempt) => (attempt === 1 ? boom() : 'not ready'));
      const second = await test.run((attempt) => (attempt === 1 ? 'not ready' : boom()));

      expect(first.value).toBe('not ready');
      expect(second.error).toMatchObject({ message: 'boom' });
    });

    it('looks at a value that was returned without a promise', async () => {
      const policy = createPolicy({ retry: { retryOnResult: notReady, strategy: 'immediate' } });

      const value = await policy.execute(({ number }) => (number === 1 ? 'not ready' : 'ready'));

      expect(value).toBe('ready');
    });

    it('is asked about values only, whatever the errors to retry and to abort on are', async () => {
      const test = bench({ retryOnResult: notReady, retryOn: RangeError, abortOn: () => true, strategy: 'immediate' });

      const { value } = await test.run((attempt) => (attempt < 3 ? 'not ready' : 'ready'));

      expect(value).toBe('ready');
      expect(test.events.at(-1)?.name).toBe('resilience.retry.recovered');
    });

    it('does not call the fallback: the value is an answer', async () => {
      const fallback = jest.fn(() => 'fallback');
      const test = bench({ retryOnResult: notReady, maxRetries: 1 }, { fallback });

      const { value } = await test.run(() => 'not ready');

      expect(value).toBe('not ready');
      expect(fallback).not.toHaveBeenCalled();
    });
  });

  describe('pain 5: an abort in the wait', () => {
    it('ends it at once with the caller’s reason, makes no further attempt and leaves no timer', async () => {
      const { clock, policy, starts } = bench({ baseDelay: '10s', jitter: 'none' });
      const caller = new AbortController();
      const reason = new Error('the user went away');
      const answer = policy.execute(
        () => {
          starts.push(clock.now());
          return Promise.reject(new Error('down'));
        },
        { signal: caller.signal },
      );
      const outcome = answer.catch((error: unknown) => ({ error, at: clock.now() }));
      await clock.advance('3s');
      expect(clock.pending).toBe(1);

      caller.abort(reason);

      expect(await outcome).toEqual({ error: reason, at: 3000 });
      expect(clock.pending).toBe(0);
      await clock.advance('1h');
      expect(starts).toEqual([0]);
    });

    it('before the first attempt means that there is none', async () => {
      const { policy } = bench(3);
      const fn = jest.fn(async () => 'never');

      await expect(policy.execute(fn, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');

      expect(fn).not.toHaveBeenCalled();
    });

    it('in an attempt is no failure to be retried', async () => {
      const { clock, policy } = bench({ strategy: 'immediate' });
      const caller = new AbortController();
      const fn = jest.fn(
        ({ signal }: { signal: AbortSignal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      );
      const outcome = policy.execute(fn, { signal: caller.signal }).catch((error: unknown) => error);
      await clock.advance(1);

      caller.abort('gone');

      expect(await outcome).toBe('gone');
      await clock.advance('1h');
      expect(fn).toHaveBeenCalledTimes(1);
    });

    it('leaves no listener on the caller’s signal, whatever the end', async () => {
      const { clock, policy } = bench({ baseDelay: 10, maxRetries: 2 });
      const { signal } = new AbortController();
      const added = jest.spyOn(signal, 'addEventListener');
      const removed = jest.spyOn(signal, 'removeEventListener');

      const answers = Promise.allSettled([
        policy.execute(async ({ number, signal: own }) => (own.aborted ? 0 : failTimes(1)(number)), { signal }),
        policy.execute(async ({ signal: own }) => (own.aborted ? 0 : boom()), { signal }),
      ]);
      await clock.advance('1m');
      await answers;

      expect(added.mock.calls.length).toBeGreaterThan(0);
      expect(removed.mock.calls.length).toBeGreaterThanOrEqual(added.mock.calls.length);
    });
  });

  describe('pain 10: the budget', () => {
    /** Starts calls that fail at once and then wait for their retry. */
    const outage = (test: Bench, calls: number): Promise<PromiseSettledResult<unknown>[]> =>
      Promise.allSettled(
        Array.from({ length: calls }, () => test.policy.execute(() => Promise.reject(new Error('x')))),
      );

    it.each([
      [2, 2],
      [10, 3],
      [15, 3],
      [20, 4],
      [100, 20],
    ])('of %i calls that fail together, %i may retry', async (calls, retried) => {
      const test = bench({ maxRetries: 1 });

      const answers = outage(test, calls);
      await test.clock.advance(0);

      expect(scheduled(test)).toHaveLength(retried);
      const refused = test.events.filter(({ name }) => name === 'resilience.retry.exhausted');
      expect(refused.map(({ payload }) => (payload as RetryExhaustedEvent).because)).toEqual(
        Array.from({ length: calls - retried }, () => 'budget'),
      );
      await test.clock.advance('1h');
      await answers;
    });

    it('ends a refused call with its own error', async () => {
      const test = bench({ budget: { min: 0, ratio: 0 } });
      const thrown = new Error('its own');

      const { error } = await test.run(() => Promise.reject(thrown));

      expect(error).toBe(thrown);
      expect(test.starts).toHaveLength(1);
      expect(exhausted(test)?.because).toBe('budget');
    });

    it('is free again when the retrying calls have ended, however they ended', async () => {
      const test = bench({ maxRetries: 1, budget: { min: 3, ratio: 0 } });
      const caller = new AbortController();
      for (let round = 0; round < 5; round++) {
        const answers = Promise.allSettled([
          test.policy.execute(async ({ number }) => failTimes(1)(number)),
          test.policy.execute(() => Promise.reject(new Error('x'))),
          test.policy.execute(() => Promise.reject(new Error('x')), { signal: caller.signal }),
        ]);
        await test.clock.advance(1);
        if (round === 4) caller.abort();
        await test.clock.advance('1h');
        await answers;
      }

      expect(scheduled(test)).toHaveLength(15);
      expect(exhausted(test)?.because).toBe('max-retries');
    });

    it('counts a call once, however often it retries', async () => {
      const test = bench({ maxRetries: 5, budget: { min: 1, ratio: 0 } });

      await test.run(boom);

      expect(test.starts).toHaveLength(6);
    });

    it('switched off lets every call retry', async () => {
      const test = bench({ maxRetries: 1, budget: false });

      const answers = outage(test, 50);
      await test.clock.advance('1h');
      await answers;

      expect(scheduled(test)).toHaveLength(50);
    });
  });

  it('leaves nothing behind after many calls of every kind', async () => {
    const { clock, policy } = bench({ baseDelay: 10 });

    const answers = Promise.allSettled(
      Array.from({ length: 200 }, (_, i) => policy.execute(({ number }) => failTimes(i % 5)(number))),
    );
    await clock.advance('1h');
    await answers;

    expect(clock.pending).toBe(0);
  });
});
