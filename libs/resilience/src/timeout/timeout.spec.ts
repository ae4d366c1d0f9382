import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { NEVER, Observable, of } from 'rxjs';

import type { AttemptContext } from '../engine/attempt.js';
import { createPolicy, type Policy } from '../policy/index.js';
import type { PolicyOptions } from '../policy/policy.options.js';
import { FakeClock } from '../testing/fake-clock.js';
import { TimeoutError } from './timeout.errors.js';
import { DEFAULT_TIMEOUT_OPTIONS, readTimeoutOptions } from './timeout.options.js';

let clock: FakeClock;
let events: Record<string, unknown>[];
const unhandled: unknown[] = [];
const noteUnhandled = (error: unknown): void => void unhandled.push(error);

beforeEach(() => {
  clock = new FakeClock();
  events = [];
  unhandled.length = 0;
  process.on('unhandledRejection', noteUnhandled);
});

afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', noteUnhandled);
  expect(unhandled).toEqual([]);
});

function policyWith(options: PolicyOptions): Policy {
  const sink = {
    listens: (name: string) => name === 'resilience.timeout.exceeded',
    emit: (_name: string, payload: object) => void events.push(payload as Record<string, unknown>),
  };
  return createPolicy({ name: 'llm', ...options, clock, events: sink });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(resolve, ms));
const hang = (): Promise<never> => new Promise(() => undefined);

/** How and when it ended. */
function outcomeOf(answer: Promise<unknown>): Promise<{ value?: unknown; error?: unknown; at: number }> {
  return answer.then(
    (value) => ({ value, at: clock.now() }),
    (error: unknown) => ({ error, at: clock.now() }),
  );
}

/** Both ways into the pipeline: without a signal the first attempt takes the direct lane. */
const LANES: readonly (readonly [string, { signal?: AbortSignal }])[] = [
  ['alone', {}],
  ['with a signal', { signal: new AbortController().signal }],
];

describe('the options of @Timeout', () => {
  it('have these defaults', () => {
    expect(DEFAULT_TIMEOUT_OPTIONS).toEqual({ each: 30_000, growth: 1 });
    expect(readTimeoutOptions(undefined, 'p')).toEqual({
      each: 30_000,
      total: Infinity,
      growth: 1,
      max: Infinity,
      firstItem: undefined,
      idle: Infinity,
    });
  });

  it.each([5000, '5s'])('may be just the limit of each attempt: %p', (each) => {
    expect(readTimeoutOptions(each, 'p').each).toBe(5000);
  });

  it('may have no limit per attempt', () => {
    expect(readTimeoutOptions({ each: Infinity, total: '1m' }, 'p')).toMatchObject({ each: Infinity, total: 60_000 });
  });
});

describe.each(LANES)('Timeout, called %s', (_lane, execute) => {
  it('leaves a call alone that is in time', async () => {
    const outcome = outcomeOf(
      policyWith({ timeout: 100 }).execute(async () => {
        await sleep(99);
        return 'ok';
      }, execute),
    );

    await clock.advance(500);

    expect(await outcome).toEqual({ value: 'ok', at: 99 });
    expect(events).toEqual([]);
  });

  it('gives up at once, with an error that says which limit and after how long', async () => {
    const outcome = outcomeOf(policyWith({ timeout: 100 }).execute(hang, execute));

    await clock.advance(100);
    const { error, at } = await outcome;

    expect(at).toBe(100);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({
      code: 'RESILIENCE_TIMEOUT',
      policy: 'llm',
      scope: 'attempt',
      afterMs: 100,
      message: 'llm: the attempt took longer than 100 ms',
    });
    expect(events).toMatchObject([{ policy: 'llm', scope: 'attempt', afterMs: 100, attempt: 1 }]);
  });

  it('waits 30 seconds by default', async () => {
    const outcome = outcomeOf(policyWith({ timeout: true }).execute(hang, execute));

    await clock.advance('1m');

    expect((await outcome).at).toBe(30_000);
  });

  it('times each attempt anew, growing up to max', async () => {
    const starts: number[] = [];
    const policy = policyWith({
      timeout: { each: 100, growth: 2, max: 300 },
      retry: { maxRetries: 3, strategy: 'immediate' },
    });
    const outcome = outcomeOf(
      policy.execute(() => {
        starts.push(clock.now());
        return hang();
      }, execute),
    );

    await clock.advance('1h');

    expect((await outcome).at).toBe(900);
    expect(starts).toEqual([0, 100, 300, 600]);
    expect(events.map(({ afterMs }) => afterMs)).toEqual([100, 200, 300, 300]);
  });

  it('pain 4: gives each attempt a signal of its own, aborted with the timeout', async () => {
    const attempts: AttemptContext[] = [];
    const policy = policyWith({ timeout: 100, retry: { maxRetries: 1, strategy: 'immediate' } });
    const outcome = outcomeOf(
      policy.execute((attempt) => {
        attempts.push(attempt);
        return attempt.signal.aborted || attempt.number === 1 ? hang() : sleep(10).then(() => 'ok');
      }, execute),
    );

    await clock.advance('1h');

    expect((await outcome).value).toBe('ok');
    expect(attempts.map(({ number }) => number)).toEqual([1, 2]);
    const [first, second] = attempts.map(({ signal }) => signal);
    expect(first).not.toBe(second);
    expect(first?.aborted).toBe(true);
    expect(first?.reason).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
    expect(second?.aborted).toBe(false);
  });

  it('tells an attempt when it will be given up, by the wall clock', async () => {
    const deadlines: (number | undefined)[] = [];
    const policy = policyWith({
      timeout: { each: 100, growth: 2, total: 250 },
      retry: { maxRetries: 5, strategy: 'immediate' },
    });
    const start = clock.epochNow();
    const outcome = outcomeOf(
      policy.execute(({ deadline }) => {
        deadlines.push(deadline);
        return hang();
      }, execute),
    );

    await clock.advance('1h');
    await outcome;

    expect(deadlines).toEqual([start + 100, start + 250]);
  });

  it('a signal that is read only after the timeout is aborted already', async () => {
    let late: AttemptContext | undefined;
    const outcome = outcomeOf(
      policyWith({ timeout: 100 }).execute((attempt) => {
        late = attempt;
        return hang();
      }, execute),
    );

    await clock.advance(100);
    await outcome;

    expect(late?.signal.aborted).toBe(true);
  });

  it.each(['rejection', 'value'])('drops the late %s of an abandoned attempt', async (what) => {
    const outcome = outcomeOf(
      policyWith({ timeout: 100 }).execute(async () => {
        await sleep(200);
        if (what === 'rejection') throw new Error('too late');
        return 'too late';
      }, execute),
    );

    await clock.advance(1000);

    expect((await outcome).error).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
  });

  describe('total', () => {
    it('ends the whole call within an attempt', async () => {
      let signal: AbortSignal | undefined;
      const policy = policyWith({
        timeout: { each: 100, total: 250 },
        retry: { strategy: 'immediate', maxRetries: 9 },
      });
      const starts: number[] = [];
      const outcome = outcomeOf(
        policy.execute((attempt) => {
          starts.push(clock.now());
          signal = attempt.signal;
          return hang();
        }, execute),
      );

      await clock.advance('1h');

      expect(await outcome).toMatchObject({ at: 250, error: { scope: 'total', afterMs: 250 } });
      expect(starts).toEqual([0, 100, 200]);
      expect(signal?.aborted).toBe(true);
      expect(signal?.reason).toMatchObject({ scope: 'total' });
    });

    it('ends it within a wait, and leaves no timer', async () => {
      const fn = jest.fn(() => Promise.reject(new Error('down')));
      const policy = policyWith({ timeout: { total: 300 }, retry: { baseDelay: '10s', jitter: 'none' } });
      const outcome = outcomeOf(policy.execute(fn, execute));

      await clock.advance(300);

      expect(await outcome).toMatchObject({ at: 300, error: { scope: 'total' } });
      await clock.advance('1h');
      expect(fn).toHaveBeenCalledTimes(1);
      expect(clock.pending).toBe(0);
    });

    it('shorter than each ends the first attempt, and nothing follows', async () => {
      const fn = jest.fn(hang);
      const policy = policyWith({ timeout: { each: 500, total: 300 }, retry: { strategy: 'immediate' } });
      const outcome = outcomeOf(policy.execute(fn, execute));

      await clock.advance('1h');

      expect(await outcome).toMatchObject({ at: 300, error: { scope: 'total', afterMs: 300 } });
      expect(fn).toHaveBeenCalledTimes(1);
    });

    it('alone, without a limit per attempt', async () => {
      const policy = policyWith({ timeout: { each: Infinity, total: '5m' } });
      const outcome = outcomeOf(policy.execute(hang, execute));

      await clock.advance('1h');

      expect(await outcome).toMatchObject({ at: 300_000, error: { scope: 'total' } });
    });

    it('leaves room for the fallback', async () => {
      const policy = policyWith({ timeout: { total: 100 }, fallback: () => sleep(500).then(() => 'rescued') });
      const outcome = outcomeOf(policy.execute(hang, execute));

      await clock.advance('1h');

      expect(await outcome).toEqual({ value: 'rescued', at: 600 });
    });
  });

  it('counts the timeout as a failure of the circuit', async () => {
    const policy = policyWith({ timeout: 100, circuitBreaker: { failureThreshold: 1 } });
    const first = outcomeOf(policy.execute(hang, execute));
    await clock.advance(100);
    await first;

    await expect(policy.execute(async () => 'ok', execute)).rejects.toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN' });
  });

  it('limits of a stream do not apply to a promise', async () => {
    const policy = policyWith({
      timeout: { each: 1000, firstItem: 100, idle: 50 },
      retry: { maxRetries: 1, strategy: 'immediate' },
    });
    const outcome = outcomeOf(
      policy.execute(async ({ number }) => {
        await sleep(500);
        if (number === 1) throw new Error('x');
        return number;
      }, execute),
    );

    await clock.advance('1h');

    expect(await outcome).toEqual({ value: 2, at: 1000 });
  });

  it('no limit per attempt and an idle limit leave a promise alone', async () => {
    const policy = policyWith({
      timeout: { each: Infinity, idle: 50 },
      retry: { maxRetries: 1, strategy: 'immediate' },
    });
    const outcome = outcomeOf(
      policy.execute(async ({ number }) => {
        await sleep(500);
        if (number === 1) throw new Error('x');
        return number;
      }, execute),
    );

    await clock.advance('1h');

    expect(await outcome).toEqual({ value: 2, at: 1000 });
  });
});

describe('a limit that nobody wants to hear of', () => {
  it('is told to nobody', async () => {
    const emit = jest.fn();
    const policy = createPolicy({ timeout: 100, clock, events: { listens: () => false, emit } });
    const outcome = outcomeOf(policy.execute(hang));

    await clock.advance(100);

    expect((await outcome).error).toBeInstanceOf(TimeoutError);
    expect(emit).not.toHaveBeenCalled();
  });
});

describe('a limit that there is not', () => {
  it.each<[object]>([[{ each: Infinity }], [{ each: Infinity, idle: 50 }], [{ each: Infinity, firstItem: 50 }]])(
    'costs a promise no timer: %j',
    async (timeout) => {
      const policy = policyWith({ timeout, bulkhead: 2 });

      const outcomes = LANES.map(([, execute]) => outcomeOf(policy.execute(() => sleep(1000), execute)));
      await clock.advance(0);

      expect(clock.pending).toBe(2);
      await clock.advance('1s');
      expect((await Promise.all(outcomes)).map(({ at }) => at)).toEqual([1000, 1000]);
    },
  );

  it('in one attempt may be one in the whole call, which runs while it is retried', async () => {
    const policy = policyWith({ timeout: { each: Infinity, total: 1000 }, retry: { strategy: 'immediate' } });
    const outcome = outcomeOf(policy.execute(({ number }) => (number === 1 ? sleep(400).then(() => Promise.reject(new Error('x'))) : hang()))); // prettier-ignore

    await clock.advance('1h');

    expect(await outcome).toMatchObject({ at: 1000, error: { scope: 'total', afterMs: 1000 } });
    expect(clock.pending).toBe(0);
  });
});

describe('Timeout of a thousand calls', () => {
  it('needs one timer', async () => {
    const policy = policyWith({ timeout: 100 });
    const outcomes = Array.from({ length: 1000 }, () => outcomeOf(policy.execute(hang)));

    expect(clock.pending).toBe(1);
    await clock.advance(100);

    expect(new Set((await Promise.all(outcomes)).map(({ at }) => at))).toEqual(new Set([100]));
    expect(clock.pending).toBe(0);
  });
});

describe('Timeout of an async iterable', () => {
  /** Yields after each of these pauses. */
  async function* items(...pauses: number[]): AsyncGenerator<number> {
    for (const pause of pauses) {
      await sleep(pause);
      yield pause;
    }
  }
  async function read(policy: Policy, source: (attempt: AttemptContext) => AsyncIterable<number>): Promise<unknown[]> {
    const seen: unknown[] = [];
    try {
      for await (const item of await policy.execute(source)) seen.push(item);
    } catch (error) {
      seen.push((error as TimeoutError).scope, clock.now());
    }
    return seen;
  }

  it.each<[string, object, number[], unknown[]]>([
    ['each, until the first item', { each: 100 }, [101], ['attempt', 100]],
    ['each, only until the first item', { each: 100 }, [50, 500], [50, 500]],
    ['firstItem instead of each', { each: 100, firstItem: 200 }, [150, 10], [150, 10]],
    ['firstItem', { firstItem: 100 }, [150], ['first_item', 100]],
    ['idle', { idle: 100 }, [500, 90, 110], [500, 90, 'idle', 690]],
    ['idle between items, none before the first', { each: Infinity, idle: 100 }, [5000, 50], [5000, 50]],
    ['total', { each: Infinity, total: 250 }, [100, 100, 100], [100, 100, 'total', 250]],
    ['the shorter of two', { idle: 100, total: 250 }, [100, 100, 100], [100, 100, 'total', 250]],
    ['nothing exceeded', { firstItem: 100, idle: 100, total: 1000 }, [99, 99, 99], [99, 99, 99]],
  ])('%s: %j of pauses %j gives %j', async (_what, timeout, pauses, expected) => {
    const seen = read(policyWith({ timeout }), () => items(...pauses));

    await clock.advance('1h');

    expect(await seen).toEqual(expected);
    expect(clock.pending).toBe(0);
  });

  it('aborts the signal of the attempt and tells the source to stop', async () => {
    const returned = jest.fn();
    let signal: AbortSignal | undefined;
    const seen = read(policyWith({ timeout: { idle: 100 } }), (attempt) => {
      signal = attempt.signal;
      const inner = items(10, 500, 10);
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => inner.next(),
          return: async () => {
            returned();
            return { done: true, value: undefined };
          },
        }),
      };
    });

    await clock.advance('1h');

    expect(await seen).toEqual([10, 'idle', 110]);
    expect(signal?.aborted).toBe(true);
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it('pain 13: retries only while nothing has been emitted', async () => {
    const policy = policyWith({
      timeout: { firstItem: 100, idle: 100 },
      retry: { maxRetries: 5, strategy: 'immediate' },
    });
    const attempts: number[] = [];

    const seen = read(policy, ({ number }) => {
      attempts.push(number);
      return number === 1 ? items(500) : items(10, 500);
    });
    await clock.advance('1h');

    expect(await seen).toEqual([10, 'idle', 210]);
    expect(attempts).toEqual([1, 2]);
  });
});

describe('Timeout of an Observable', () => {
  const collect = (source: Observable<unknown>): Promise<unknown[]> =>
    new Promise((resolve) => {
      const seen: unknown[] = [];
      source.subscribe({
        next: (item) => seen.push(item),
        error: (error: TimeoutError) => resolve([...seen, error.scope, clock.now()]),
        complete: () => resolve(seen),
      });
    });
  const ticks = (...pauses: number[]): Observable<number> =>
    new Observable((subscriber) => {
      void (async () => {
        for (const pause of pauses) {
          await sleep(pause);
          subscriber.next(pause);
        }
        subscriber.complete();
      })();
    });

  it.each<[object, Observable<unknown>, unknown[]]>([
    [{ each: 100 }, NEVER, ['attempt', 100]],
    [{ firstItem: 100 }, NEVER, ['first_item', 100]],
    [{ each: Infinity, total: 100 }, NEVER, ['total', 100]],
    [{ each: 100 }, of(1, 2), [1, 2]],
  ])('%j', async (timeout, source, expected) => {
    const seen = collect(await policyWith({ timeout }).execute(() => source as never));

    await clock.advance('1h');

    expect(await seen).toEqual(expected);
    expect(clock.pending).toBe(0);
  });

  it.each<[object, number[], unknown[]]>([
    [{ idle: 100 }, [50, 90, 110], [50, 90, 'idle', 240]],
    [{ each: Infinity, idle: 100 }, [5000, 50], [5000, 50]],
  ])('%j of pauses %j gives %j', async (timeout, pauses, expected) => {
    const seen = collect(await policyWith({ timeout }).execute(() => ticks(...pauses) as never));

    await clock.advance('1h');

    expect(await seen).toEqual(expected);
  });
});
