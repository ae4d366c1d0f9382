import { createPolicy, type Policies, ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { FakeClock, settle } from '@nest-resilience/core/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { firstValueFrom, NEVER, Observable, of } from 'rxjs';

import { outcome } from '../pains/app.js';

/**
 * Polly: ExecuteAsync_CanceledDuringExecution_EnsureNotExecutedAgain; cockatiel: "stops retries if cancellation is requested".
 * The protected function itself aborts the signal that the call was given.
 */
const GONE = new Error('the caller has gone');
const LATE = new Error('it failed after its caller had gone');

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => void process.off('unhandledRejection', note));

/** Node reports an unhandled rejection after the microtasks of its turn. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const POLICIES: Readonly<Record<string, Policies>> = {
  'no policy': {},
  retry: { retry: { maxRetries: 2, strategy: 'immediate' } },
  'retry with a wait': { retry: { maxRetries: 2, baseDelay: '1s' } },
  timeout: { timeout: '5s' },
  'total timeout': { timeout: { each: '5s', total: '9s' } },
  'circuit breaker': { circuitBreaker: { failureThreshold: 1 } },
  fallback: { fallback: { value: 'rescued' } },
  'dead letter': { deadLetter: 'late' },
  bulkhead: { bulkhead: { maxConcurrent: 1 } },
  'rate limit': { rateLimit: { limit: 100, interval: '1s' } },
  hedge: { hedge: '1s' },
  cache: { cache: { ttl: '1m', key: () => 'k' } },
  coalesce: { coalesce: { key: () => 'k' } },
  chaos: { chaos: { rate: 1, latency: 5 } },
};
const { chaos: _chaos, ...calm } = POLICIES;
const EVERY: readonly (readonly [string, Policies])[] = [
  ...Object.entries(POLICIES),
  ['all of them', Object.assign({}, ...Object.values(calm)) as Policies],
];

type Leave = () => void;
const WAYS: readonly (readonly [string, (leave: Leave) => unknown])[] = [
  [
    'aborts, then throws synchronously',
    (leave) => {
      leave();
      throw LATE;
    },
  ],
  [
    'aborts synchronously, then rejects',
    async (leave) => {
      leave();
      throw LATE;
    },
  ],
  [
    'aborts synchronously, rejects later',
    async (leave) => {
      leave();
      await settle();
      throw LATE;
    },
  ],
  [
    'aborts synchronously, resolves later',
    async (leave) => {
      leave();
      await settle();
      return 'late';
    },
  ],
  [
    'aborts in a microtask, then rejects',
    async (leave) => {
      await Promise.resolve();
      leave();
      throw LATE;
    },
  ],
  [
    'aborts synchronously, answers with a plain value',
    (leave) => {
      leave();
      return 'late';
    },
  ],
  [
    'aborts synchronously, answers with a thenable function',
    (leave) => {
      leave();
      return Object.assign(() => undefined, { then: (_: unknown, fail: (e: unknown) => void) => fail(LATE) });
    },
  ],
  [
    'aborts synchronously, answers with an Observable',
    (leave) => {
      leave();
      return of('late');
    },
  ],
  [
    'aborts synchronously, answers with an async iterable',
    (leave) => {
      leave();
      return (async function* () {
        yield 'late';
      })();
    },
  ],
];

describe.each(EVERY)('With %s, a function that aborts the signal of its own call', (_name, policies) => {
  it.each(WAYS)('%s: the call ends as aborted, once, and nothing of it is left', async (_way, fn) => {
    const clock = new FakeClock();
    const kept: unknown[] = [];
    const deadLetters = { store: async (call: unknown) => `entry ${kept.push(call)}` };
    const policy = createPolicy({ clock, ...policies, deadLetters });
    const caller = new AbortController();
    let runs = 0;

    const call = outcome(
      policy.execute(
        () => {
          runs++;
          return fn(() => caller.abort(GONE));
        },
        { signal: caller.signal },
      ),
    );
    await clock.advance('1m');

    expect(await call).toBe(GONE);
    await turns();
    expect({ runs, unhandled, kept }).toEqual({ runs: 1, unhandled: [], kept: [] });
    const next = policy.execute(async () => 'next');
    await clock.advance('1m');
    expect(await next).toBe('next');
  });
});

describe('In an application', () => {
  let app: TestingModule;
  let clock: FakeClock;
  let resilience: ResilienceService;
  beforeEach(async () => {
    clock = new FakeClock();
    app = await Test.createTestingModule({ imports: [ResilienceModule.forRoot({ clock })] }).compile();
    await app.init();
    resilience = app.get(ResilienceService);
  });

  it.each(WAYS)('a half-open probe that %s gives its place back', async (_way, fn) => {
    const policy = resilience.policy({
      name: 'probe',
      circuitBreaker: { failureThreshold: 1, recoveryTimeout: '10s' },
      bulkhead: { maxConcurrent: 1 },
      retry: { maxRetries: 1, strategy: 'immediate', retryOn: (error) => error === LATE },
    });
    await outcome(policy.execute(() => Promise.reject(new Error('down'))));
    await clock.advance('10s');
    const caller = new AbortController();

    const call = outcome(policy.execute(() => fn(() => caller.abort(GONE)), { signal: caller.signal }));
    await clock.advance(1);

    expect(await call).toBe(GONE);
    expect(resilience.circuit('probe').state).toBe('half_open');
    expect([...resilience.bulkheads()].map((bulkhead) => bulkhead.snapshot().inUse)).toEqual([0]);
    expect([...resilience.retryBudgets()]).toEqual([expect.objectContaining({ active: 0, retrying: 0 })]);
    expect(await policy.execute(async () => 'up')).toBe('up');
    expect(resilience.circuit('probe').state).toBe('closed');
    await app.close();
  });

  it.each(WAYS)('a call that %s is not waited for at shutdown', async (_way, fn) => {
    const policy = resilience.policy({ name: 'closing', circuitBreaker: true });
    const caller = new AbortController();
    const call = outcome(policy.execute(() => fn(() => caller.abort(GONE)), { signal: caller.signal }));
    await clock.advance(1);
    await call;

    await app.close();

    expect(await call).toBe(GONE);
  });
});

describe('A function of the user’s that aborts the signal of the call', () => {
  const leaving = (caller: AbortController, answer: unknown) => (): never => {
    caller.abort(GONE);
    return answer as never;
  };
  const failing = (): Promise<never> => Promise.reject(new Error('down'));

  it.each<[string, (caller: AbortController) => Policies, () => unknown]>([
    ['a fallback', (caller) => ({ fallback: leaving(caller, 'rescued') }), failing],
    ['an async fallback', (caller) => ({ fallback: async () => leaving(caller, 'rescued')() }), failing],
    [
      'a fallback that rejects',
      (caller) => ({ fallback: [() => (caller.abort(GONE), Promise.reject(LATE)), { value: 'rescued' }] }),
      failing,
    ],
    [
      'a fallback that hangs',
      (caller) => ({ fallback: () => (queueMicrotask(() => caller.abort(GONE)), new Promise(() => undefined)) }),
      failing,
    ],
    ['a key of the circuit', (caller) => ({ circuitBreaker: { key: leaving(caller, 'k') } }), () => 'late'],
    ['a key of the cache', (caller) => ({ cache: { ttl: 5, key: leaving(caller, 'k') } }), () => 'late'],
    ['a key of coalesced calls', (caller) => ({ coalesce: { key: leaving(caller, 'k') } }), () => 'late'],
    [
      'a key of the rate limit',
      (caller) => ({ rateLimit: { limit: 9, interval: '1s', key: leaving(caller, 'k') } }),
      () => 'late',
    ],
    [
      'a cost',
      (caller) => ({ rateLimit: { limit: 9, interval: '1s', cost: leaving(caller, 1) }, bulkhead: 1 }),
      () => 'late',
    ],
    ['retryOn', (caller) => ({ retry: { retryOn: leaving(caller, true), baseDelay: 10 } }), failing],
    ['a strategy', (caller) => ({ retry: { strategy: leaving(caller, 10) }, coalesce: { key: () => 'k' } }), failing],
    ['retryOnResult', (caller) => ({ retry: { retryOnResult: leaving(caller, true), baseDelay: 1 } }), () => 'late'],
  ])('%s: ends it as aborted', async (_what, policies, fn) => {
    const clock = new FakeClock();
    const app = await Test.createTestingModule({ imports: [ResilienceModule.forRoot({ clock })] }).compile();
    await app.init();
    const resilience = app.get(ResilienceService);
    const caller = new AbortController();
    const policy = resilience.policy({ name: 'left', ...policies(caller) });

    const call = outcome(policy.execute(fn, { signal: caller.signal }));
    await clock.advance('1m');

    expect(await call).toBe(GONE);
    await turns();
    expect(unhandled).toEqual([]);
    expect([...resilience.bulkheads()].map((bulkhead) => bulkhead.snapshot().inUse)).toEqual(
      [...resilience.bulkheads()].map(() => 0),
    );
    for (const budget of resilience.retryBudgets()) expect(budget).toMatchObject({ active: 0, retrying: 0 });
    await app.close();
  });

  it('a key asked by a half-open circuit leaves no probe behind', async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    let leave = (): void => undefined;
    const key = (): string => {
      leave();
      return 'k';
    };
    const policy = createPolicy({ clock, circuitBreaker: { key, failureThreshold: 1, recoveryTimeout: '10s' } });
    await outcome(policy.execute(failing));
    await clock.advance('10s');
    leave = () => caller.abort(GONE);

    expect(await outcome(policy.execute(async () => 'late', { signal: caller.signal }))).toBe(GONE);

    leave = () => undefined;
    expect(await policy.execute(async () => 'up')).toBe('up');
  });

  it('recordResult: the call has ended well before', async () => {
    const caller = new AbortController();
    const policy = createPolicy({ circuitBreaker: { failureThreshold: 1, recordResult: leaving(caller, false) } });

    const answer = await outcome(policy.execute(async () => 'ok', { signal: caller.signal }));

    expect(['ok', GONE]).toContain(answer);
    expect(await policy.execute(async () => 'next')).toBe('next');
  });
});

describe('A stream whose source aborts the signal of its own call', () => {
  it('ends an Observable as aborted', async () => {
    const caller = new AbortController();
    const policy = createPolicy({ retry: 1, circuitBreaker: { failureThreshold: 1 } });
    const source = new Observable<string>((subscriber) => {
      caller.abort(GONE);
      subscriber.next('late');
      subscriber.complete();
    });

    const stream = await policy.execute<Observable<string>>(() => source, { signal: caller.signal });

    expect(await outcome(firstValueFrom(stream))).toBe(GONE);
  });

  it('ends an Observable that goes on for ever', async () => {
    const caller = new AbortController();
    const policy = createPolicy({ retry: 1 });
    const stream = await policy.execute<Observable<string>>(() => NEVER, { signal: caller.signal });

    const read = outcome(firstValueFrom(stream));
    caller.abort(GONE);

    expect(await read).toBe(GONE);
  });

  it.each(['in next()', 'before its first item', 'between items'])(
    'ends an async iterable, aborted %s',
    async (when) => {
      const caller = new AbortController();
      const policy = createPolicy({ retry: 1, circuitBreaker: { failureThreshold: 1 } });
      async function* source(): AsyncGenerator<string> {
        if (when === 'in next()') caller.abort(GONE);
        await Promise.resolve();
        if (when === 'before its first item') caller.abort(GONE);
        yield 'first';
        caller.abort(GONE);
        await new Promise(() => undefined);
      }
      const items: string[] = [];

      const stream = await policy.execute<AsyncIterable<string>>(() => source(), { signal: caller.signal });
      const read = outcome(
        (async () => {
          for await (const item of stream) items.push(item);
        })(),
      );

      expect(await read).toBe(GONE);
      expect(items).toEqual(when === 'between items' ? ['first'] : []);
      await turns();
      expect(unhandled).toEqual([]);
    },
  );
});
