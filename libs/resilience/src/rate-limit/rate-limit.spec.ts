import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, expect, it } from '@jest/globals';

import { classifyError } from '../engine/classifier/classify-error.js';
import { Execution } from '../engine/execution.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import { createPolicyContext, type PolicyContext } from '../engine/policy-context.js';
import { createPolicy, type Policy } from '../policy/index.js';
import { PolicyRegistry } from '../policy/policy-registry.js';
import { type PolicyOptions, readPolicyOptions } from '../policy/policy.options.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';
import { RateLimitError } from './rate-limit.errors.js';
import { DEFAULT_RATE_LIMIT_OPTIONS, type RateLimitOptions, readRateLimitOptions } from './rate-limit.options.js';
import { RateLimitPolicy } from './rate-limit.policy.js';
import { TokenBuckets } from './token-buckets.js';

interface Bench {
  readonly clock: FakeClock;
  readonly context: PolicyContext;
  readonly events: RecordingEvents;
  readonly buckets: TokenBuckets;
  readonly policy: RateLimitPolicy;
  /** Draws without waiting. */
  draw(...args: unknown[]): boolean;
  /** How many draws succeed right now. */
  burst(...args: unknown[]): number;
  execution(args?: unknown[], signal?: AbortSignal): Execution;
  /** Draws, in line if need be; what came of it and when is in `log`. */
  ask(who: string, execution?: Execution): () => void;
  readonly log: (readonly [who: string, at: number, refusal?: unknown])[];
}

function bench(options: RateLimitOptions): Bench {
  const clock = new FakeClock();
  const events = new RecordingEvents();
  const context = createPolicyContext({ clock, events });
  const resolved = readRateLimitOptions(options, 'spec');
  const buckets = new TokenBuckets('api', { ...resolved, keyed: resolved.key !== undefined }, context);
  const policy = new RateLimitPolicy(resolved, buckets, context);
  const draw: Bench['draw'] = (...args) => policy.tryAcquire(args, clock.now());
  const execution: Bench['execution'] = (args = [], signal) =>
    new Execution({ name: 'Api.ask', context } as PipelineParts, undefined, args, 0, signal);
  const log: Bench['log'] = [];
  const ask: Bench['ask'] = (who, asking = execution()) =>
    policy.acquire(asking, (refusal) =>
      log.push(refusal === undefined ? [who, clock.now()] : [who, clock.now(), refusal]),
    );
  const burst: Bench['burst'] = (...args) => {
    let count = 0;
    while (count < 1000 && draw(...args)) count++;
    return count;
  };
  return { clock, context, events, buckets, policy, draw, burst, execution, ask, log };
}

const TEN_A_SECOND = { limit: 10, interval: '1s' } as const;

describe('The options of @RateLimit', () => {
  it('have these defaults', () => {
    expect(DEFAULT_RATE_LIMIT_OPTIONS).toEqual({ maxWait: 0, maxKeys: 10_000 });
    expect(readRateLimitOptions({ limit: 5, interval: '1m' }, 'spec')).toEqual({
      name: undefined,
      limit: 5,
      interval: 60_000,
      maxWait: 0,
      cost: undefined,
      key: undefined,
      maxKeys: 10_000,
    });
  });

  it('need a limit and its interval', () => {
    expect(() => readRateLimitOptions(undefined, 'spec')).toThrow(/spec > limit: .*\n.*spec > interval: /);
  });
});

describe('An option that would do nothing', () => {
  it('is refused', () => {
    expect(() => readRateLimitOptions({ ...TEN_A_SECOND, maxKeys: 5 }, 'spec')).toThrow('nothing without key');
  });
});

describe('Tokens', () => {
  it('are all there at first, and flow in evenly', async () => {
    const { clock, burst } = bench(TEN_A_SECOND);

    expect(burst()).toBe(10);
    await clock.advance(99);
    expect(burst()).toBe(0);
    await clock.advance(1);
    expect(burst()).toBe(1);
    await clock.advance(350);
    expect(burst()).toBe(3);
    await clock.advance(50);
    expect(burst()).toBe(1);
  });

  it('beyond the limit are lost', async () => {
    const { clock, burst } = bench(TEN_A_SECOND);

    await clock.advance('1h');

    expect(burst()).toBe(10);
  });

  it('do not drift: thirds of a millisecond add up after a million of them', () => {
    const { policy } = bench({ limit: 3, interval: 1000 });
    for (let first = 0; first < 3; first++) policy.tryAcquire([], 0);

    let passed = 0;
    for (let second = 1; second <= 1_000; second++) {
      if (policy.tryAcquire([], second * 1000 - 1)) passed++;
      if (policy.tryAcquire([], second * 1000 - 1)) passed++;
      if (policy.tryAcquire([], second * 1000 - 1)) passed++;
      if (policy.tryAcquire([], second * 1000)) passed++;
    }

    expect(passed).toBe(3_000);
  });

  it('are counted by cost, fractions too', () => {
    const { draw } = bench({ ...TEN_A_SECOND, cost: (tokens: number) => tokens });

    expect([draw(7.5), draw(3), draw(2.25), draw(0.25), draw(0.25)]).toEqual([true, false, true, true, false]);
  });

  it('are not needed by what costs nothing, even past a line', () => {
    const { draw, ask, execution, buckets } = bench({
      ...TEN_A_SECOND,
      maxWait: '1m',
      cost: (tokens: number) => tokens,
    });
    draw(10);
    ask('waits', execution([5]));

    expect(draw(0)).toBe(true);
    expect(buckets.snapshot()).toMatchObject({ available: -5, waiting: 1 });
  });

  it('of an attempt that never ran come back, but none beyond the limit', async () => {
    const { clock, policy, draw, burst } = bench(TEN_A_SECOND);
    draw();

    policy.refund([], clock.now());
    policy.refund([], clock.now());
    await clock.advance(1);

    expect(burst()).toBe(10);
  });

  it('are not given back by the end of an attempt', () => {
    const { policy, burst } = bench(TEN_A_SECOND);
    burst();

    policy.release();

    expect(burst()).toBe(0);
  });

  it('that are there stay there when the limit changes while the application runs', async () => {
    const { clock, buckets, ask, log, burst, draw } = bench({ ...TEN_A_SECOND, maxWait: '1m' });
    for (let count = 0; count < 4; count++) draw();

    buckets.reconfigure({ ...buckets.options, limit: 20 });
    expect(burst()).toBe(6);
    ask('waits');
    buckets.reconfigure({ ...buckets.options, limit: 1 });
    await clock.advance('2s');

    expect(log).toEqual([['waits', 1000]]);
    expect(burst()).toBe(1);
  });
});

describe('A used-up limit', () => {
  it('refuses with the time at which the tokens would be there', async () => {
    const { clock, ask, burst, log, buckets } = bench(TEN_A_SECOND);
    burst();
    await clock.advance(30);

    ask('late');

    expect(log).toEqual([['late', 30, expect.any(RateLimitError)]]);
    expect(log[0]?.[2]).toMatchObject({
      name: 'RateLimitError',
      code: 'RESILIENCE_RATE_LIMITED',
      policy: 'Api.ask',
      limit: 10,
      intervalMs: 1000,
      retryAfterMs: 70,
      because: 'no_tokens',
      cost: 1,
      message: 'Api.ask: the limit of 10 per 1000 ms is used up for 70 ms',
    });
    expect(buckets.snapshot().rejected).toEqual({ 'Api.ask': 1 });
    expect(clock.pending).toBe(0);
  });

  it('spends no time on a stack that nobody reads', () => {
    const { ask, burst, log } = bench(TEN_A_SECOND);
    const before = Error.stackTraceLimit;
    burst();

    ask('late');

    expect((log[0]?.[2] as Error).stack).not.toContain('\n');
    expect(Error.stackTraceLimit).toBe(before);
  });

  it('tells listeners, without the key', () => {
    const { ask, burst, execution, events } = bench({ ...TEN_A_SECOND, key: (tenant: string) => tenant });
    burst('tenant-7');

    ask('late', execution(['tenant-7']));

    expect(events.of('resilience.rate-limit.rejected')).toEqual([
      {
        policy: 'Api.ask',
        executionId: expect.any(String),
        rateLimit: 'api',
        because: 'no_tokens',
        cost: 1,
        retryAfterMs: 100,
      },
    ]);
  });

  it('is no failure of the dependency, and retried when the tokens are there', () => {
    const error = new RateLimitError('p', 10, 1000, 70);

    expect(classifyError(error)).toEqual({
      kind: 'transient',
      reason: 'rate_limit',
      retryable: true,
      countsAsFailure: false,
      retryAfterMs: 70,
    });
    expect(classifyError(new Error('failed', { cause: error })).countsAsFailure).toBe(false);
    expect(classifyError(Object.assign(new Error('slow down'), { status: 429 })).countsAsFailure).toBe(true);
  });

  it('is never passed by what costs more than all of it', () => {
    const { ask, execution, log } = bench({ ...TEN_A_SECOND, maxWait: '1h', cost: (tokens: number) => tokens });

    ask('huge', execution([11]));
    ask('endless', execution([Infinity]));

    expect(log.map(([, , error]) => error)).toEqual([
      expect.objectContaining({
        because: 'cost',
        retryAfterMs: Infinity,
        message:
          'Api.ask: a call that costs 11 can never pass the limit of 10 per 1000 ms; raise limit, or lower what cost answers',
      }),
      expect.objectContaining({ because: 'cost', retryAfterMs: Infinity }),
    ]);
    const { retryable, countsAsFailure, retryAfterMs } = classifyError(log[0]?.[2]);
    expect({ retryable, countsAsFailure, retryAfterMs }).toEqual({
      retryable: false,
      countsAsFailure: false,
      retryAfterMs: undefined,
    });
  });

  it('lets nobody wait who cannot', () => {
    const { ask, burst, execution, log } = bench({ ...TEN_A_SECOND, maxWait: '1m' });
    burst();

    ask('sync', Object.assign(execution(), { canWait: false }));

    expect(log[0]?.[2]).toMatchObject({ because: 'cannot_wait', retryAfterMs: 100 });
  });
});

describe('The line', () => {
  it('is served in order, each at its own time; the one who would wait too long is refused at once', async () => {
    const { clock, burst, ask, log } = bench({ ...TEN_A_SECOND, maxWait: 300 });
    burst();

    ['a', 'b', 'c', 'd'].forEach((who) => ask(who));
    await clock.advance('1s');

    expect(log).toEqual([
      ['d', 0, expect.objectContaining({ because: 'no_tokens', retryAfterMs: 400 })],
      ['a', 100],
      ['b', 200],
      ['c', 300],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('is passed by nobody, however few tokens they need', async () => {
    const { clock, draw, ask, execution, log } = bench({
      ...TEN_A_SECOND,
      maxWait: '1m',
      cost: (tokens: number) => tokens,
    });
    draw(10);
    ask('large', execution([8]));

    await clock.advance(500);
    expect(draw(1)).toBe(false);
    ask('small', execution([1]));
    await clock.advance('1s');

    expect(log).toEqual([
      ['large', 800],
      ['small', 900],
    ]);
  });

  it('has one timer, however long it is, and none when it is gone', async () => {
    const { clock, burst, ask } = bench({ ...TEN_A_SECOND, maxWait: '1h' });
    burst();
    expect(clock.pending).toBe(0);

    const leave = Array.from({ length: 50 }, (_, index) => ask(`${index}`));
    expect(clock.pending).toBe(1);
    leave.forEach((giveUp) => giveUp());

    expect(clock.pending).toBe(0);
  });

  it('gets back the tokens of who leaves: those behind are served earlier', async () => {
    const { clock, burst, ask, log, buckets } = bench({ ...TEN_A_SECOND, maxWait: '1m' });
    burst();
    const leave = ['a', 'b', 'c', 'd'].map((who) => ask(who));

    leave[2]?.();
    leave[0]?.();
    leave[0]?.();
    await clock.advance('150ms');

    expect(log).toEqual([['b', 100]]);
    await clock.advance('50ms');
    expect(log.at(-1)).toEqual(['d', 200]);
    expect(buckets.snapshot()).toMatchObject({ available: 0, waiting: 0 });
  });

  it('is served at once where a give-up or a refund makes room', async () => {
    const { clock, policy, draw, ask, execution, log } = bench({
      ...TEN_A_SECOND,
      maxWait: '1m',
      cost: (tokens: number) => tokens,
    });
    draw(10);
    const leave = ask('large', execution([8]));
    ask('small', execution([2]));
    ask('next', execution([3]));
    await clock.advance(200);

    leave();
    expect(log).toEqual([['small', 200]]);
    policy.refund([3], clock.now());

    expect(log.at(-1)).toEqual(['next', 200]);
    expect(clock.pending).toBe(0);
  });

  it("is left at once with the signal's reason when the caller aborts", async () => {
    const { clock, burst, ask, execution, log } = bench({ ...TEN_A_SECOND, maxWait: '1m' });
    const controller = new AbortController();
    const reason = new Error('no longer needed');
    burst();
    ask('a', execution([], controller.signal));
    ask('b');
    ask('gone', execution([], AbortSignal.abort(reason)));

    controller.abort(reason);
    await clock.advance(100);

    expect(log).toEqual([
      ['gone', 0, reason],
      ['a', 0, reason],
      ['b', 100],
    ]);
  });

  it('is refused when the process goes, and closed to newcomers', async () => {
    const { clock, context, burst, ask, execution, log } = bench({ ...TEN_A_SECOND, maxWait: '1m' });
    const waiting = execution();
    burst();
    ask('a', waiting);
    await clock.advance(40);

    context.shutdown.begin();
    ask('b');

    expect(log).toEqual([
      ['a', 40, expect.objectContaining({ because: 'shutdown', retryAfterMs: 60 })],
      ['b', 40, expect.objectContaining({ because: 'shutdown', retryAfterMs: 60 })],
    ]);
    expect(waiting.cutShort).toBe('shutdown');
    expect(clock.pending).toBe(0);
  });

  it('wakes a caller in that caller’s own async context', async () => {
    const who = new AsyncLocalStorage<string>();
    const { clock, burst, policy, execution } = bench({ ...TEN_A_SECOND, maxWait: '1m' });
    const seen: (string | undefined)[] = [];
    burst();
    who.run('first', () => policy.acquire(execution(), () => seen.push(who.getStore())));
    who.run('second', () => policy.acquire(execution(), () => seen.push(who.getStore())));

    await who.run('elsewhere', () => clock.advance('1s'));

    expect(seen).toEqual(['first', 'second']);
  });
});

describe('A limit per key', () => {
  const perTenant = { ...TEN_A_SECOND, key: (tenant: string) => tenant };

  it('has a bucket for each', () => {
    const { burst, buckets } = bench(perTenant);

    expect([burst('a'), burst('b'), burst('a')]).toEqual([10, 10, 0]);
    expect(buckets.snapshot()).toMatchObject({ buckets: 2, available: undefined });
  });

  it('forgets the key that was not used for longest, and only that', () => {
    const { burst, draw } = bench({ ...perTenant, maxKeys: 2 });
    burst('a');
    burst('b');
    draw('a');

    draw('c');

    expect([draw('a'), burst('b')]).toEqual([false, 10]);
  });

  it('keeps serving those who wait at a forgotten bucket', async () => {
    const { clock, burst, ask, execution, draw, log } = bench({ ...perTenant, maxKeys: 1, maxWait: '1m' });
    burst('a');
    ask('a', execution(['a']));

    draw('b');
    await clock.advance(100);

    expect(log).toEqual([['a', 100]]);
    expect(clock.pending).toBe(0);
  });
});

describe('Functions among the options', () => {
  it.each<[unknown, string]>([
    [NaN, 'NaN'],
    [-1, '-1'],
    ['3', "'3'"],
    [undefined, 'undefined'],
  ])('a cost of %p is a mistake that is named', (answer, shown) => {
    const { draw, ask, log } = bench({ ...TEN_A_SECOND, cost: (() => answer) as () => number });
    const message = `Rate limit 'api': cost answered ${shown}, expected a number of tokens >= 0`;

    expect(() => draw()).toThrow(new TypeError(message));
    ask('waiting');

    expect(log).toEqual([['waiting', 0, new TypeError(message)]]);
  });

  it('that throw refuse the attempt with their own error', () => {
    const mistake = new RangeError('no tenant');
    const { ask, log } = bench({
      ...TEN_A_SECOND,
      key: () => {
        throw mistake;
      },
    });

    ask('waiting');

    expect(log).toEqual([['waiting', 0, mistake]]);
  });
});

describe('Around calls', () => {
  const policyWith = (options: PolicyOptions): { policy: Policy; clock: FakeClock; events: RecordingEvents } => {
    const clock = new FakeClock();
    const events = new RecordingEvents();
    return { policy: createPolicy({ name: 'api', ...options, clock, events, random: () => 0.5 }), clock, events };
  };

  it('each attempt draws a token, and a wait in line is not the method’s time', async () => {
    const { policy, clock } = policyWith({ rateLimit: { limit: 2, interval: '1s', maxWait: '5s' }, timeout: '100ms' });
    const times: number[] = [];

    const calls = Promise.all([1, 2, 3, 4].map(() => policy.execute(() => times.push(clock.now()))));
    await clock.advance('5s');

    await expect(calls).resolves.toEqual([1, 2, 3, 4]);
    expect(times).toEqual([0, 0, 500, 1000]);
  });

  it('a retry waits for as long as the refusal says', async () => {
    const { policy, clock, events } = policyWith({ rateLimit: { limit: 1, interval: '7s' }, retry: 1 });
    await policy.execute(() => 'first');

    const second = policy.execute(() => clock.now());
    await clock.advance('10s');

    await expect(second).resolves.toBe(7_000);
    expect(events.of('resilience.retry.scheduled')).toEqual([
      expect.objectContaining({ delayMs: 7_000, hinted: true }),
    ]);
  });

  it('a refusal does not open the circuit', async () => {
    const { policy, clock, events } = policyWith({
      rateLimit: { limit: 1, interval: '1s' },
      circuitBreaker: { failureThreshold: 1 },
    });
    await policy.execute(() => 'first');

    await expect(policy.execute(() => 'never')).rejects.toBeInstanceOf(RateLimitError);
    await clock.advance('1s');

    await expect(policy.execute(() => 'again')).resolves.toBe('again');
    expect(events.names).not.toContain('resilience.circuit.opened');
  });

  it('policies of one name draw from the same buckets, each with its own cost', () => {
    const warnings: string[] = [];
    const context = createPolicyContext({ clock: new FakeClock() });
    const registry = new PolicyRegistry({
      context,
      deadLetters: () => ({ store: () => Promise.resolve(undefined) }),
      warn: (message) => warnings.push(message),
    });
    const build = (name: string, rateLimit: RateLimitOptions) =>
      registry.build(name, readPolicyOptions({ rateLimit }, name), { attemptIndex: -1 }).permits;
    const openai = { name: 'openai', ...TEN_A_SECOND };

    const one = build('A.ask', openai);
    const two = build('B.ask', { ...openai, cost: () => 9 });
    build('C.ask', { ...openai, limit: 99 });

    expect([one?.tryAcquire([], 0), two?.tryAcquire([], 0), one?.tryAcquire([], 0)]).toEqual([true, true, false]);
    expect([...registry.states.rateLimit.values()].map(({ name }) => name)).toEqual(['openai']);
    expect(warnings).toEqual([
      "Rate limit 'openai' is declared twice with different options; the first declaration wins",
    ]);
  });
});
