import { describe, expect, it } from '@jest/globals';

import { CircuitOpenError } from '../../src/circuit-breaker/circuit-breaker.errors.js';
import {
  attemptsIn,
  fails,
  gives,
  hangs,
  type Lane,
  LaneBench,
  LANES,
  SYNC_LANES,
  WAITING_LANES,
} from './lane-bench.js';

const NOTHING = { calls: 0, timers: 0 };
const DOWN = new Error('down');
const immediate = { maxRetries: 2, strategy: 'immediate' } as const;

describe.each<[string, Lane]>(LANES)('%s', (_name, lane) => {
  it('without policies answers as the method does, and is one call', async () => {
    const bench = new LaneBench(lane);

    expect((await bench.play(gives('first')).run(1, 2)).value).toBe('first');
    expect((await bench.play(fails(DOWN)).run()).error).toBe(DOWN);

    expect(bench.given).toEqual([[]]);
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, failedWithoutRetry: 1, attempts: 2 });
    expect(bench.leftovers).toEqual(NOTHING);
  });

  it('under every policy at once answers as the method does, and is one call', async () => {
    const bench = new LaneBench(lane, {
      retry: true,
      circuitBreaker: true,
      timeout: '10s',
      fallback: 'rescue',
      deadLetter: true,
      bulkhead: 5,
      rateLimit: { limit: 5, interval: '1s' },
    });

    for (const value of ['first', 'second']) expect((await bench.play(gives(value)).run(1)).value).toBe(value);

    expect(bench.given).toEqual([[1]]);
    expect(bench.stats.snapshot()).toMatchObject({
      total: 2,
      successful: 2,
      retryRate: 0,
      averageAttempts: 1,
      fallbacks: 0,
    });
    expect(bench.events.all).toEqual([]);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0, running: 0, queued: 0 });
  });

  it('calls the method on its own object', async () => {
    const bench = new LaneBench(lane, { fallback: 'rescue' });

    expect((await bench.play(fails(DOWN)).run('a', 2)).value).toBe('rescued a 2');
  });

  describe('with retries', () => {
    it('answers with the first attempt that succeeds', async () => {
      const bench = new LaneBench(lane, { retry: immediate });

      const { value } = await bench.play(fails(DOWN), fails(DOWN), gives('third')).run();

      expect([value, bench.starts.length]).toEqual(['third', 3]);
      expect(bench.events.names).toEqual([
        'resilience.retry.scheduled',
        'resilience.retry.scheduled',
        'resilience.retry.recovered',
      ]);
      expect(bench.stats).toMatchObject({ successfulWithRetry: 1, attempts: 3 });
      expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    });

    it('fails with the last error', async () => {
      const bench = new LaneBench(lane, { retry: immediate });
      const last = new Error('last');

      const { error } = await bench.play(fails(DOWN), fails(DOWN), fails(last)).run();

      expect([error, bench.starts.length]).toEqual([last, 3]);
      expect(bench.events.names.at(-1)).toBe('resilience.retry.exhausted');
      expect(bench.stats).toMatchObject({ failedWithRetry: 1, attempts: 3 });
      expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    });

    it('gives its share of the budget back, however it ends', async () => {
      const bench = new LaneBench(lane, { retry: { ...immediate, budget: { min: 1, ratio: 0 } } });

      for (const step of [gives('fine'), fails(DOWN)]) {
        await bench.play(fails(DOWN), step).run();
        expect(bench.starts.length).toBeGreaterThan(1);
        expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
      }
    });

    it('tells each attempt its number, the error before it, and one id for all', async () => {
      const bench = new LaneBench(lane, { retry: immediate }, { attemptIndex: 2 });

      await bench.play(fails(DOWN), gives('second')).run('only argument');

      expect(bench.given.map(([argument, missing]) => [argument, missing])).toEqual([
        ['only argument', undefined],
        ['only argument', undefined],
      ]);
      const [first, second] = attemptsIn(bench, 2);
      expect([first, second]).toMatchObject([
        { number: 1, lastError: undefined, deadline: undefined },
        { number: 2, lastError: DOWN, executionId: first?.executionId },
      ]);
      expect(second?.signal).not.toBe(first?.signal);
    });

    it('leaves out what a strategy refuses and what is not retryable', async () => {
      const bench = new LaneBench(lane, { retry: { ...immediate, abortOn: RangeError } });

      const { error } = await bench.play(fails(new RangeError())).run();

      expect(error).toBeInstanceOf(RangeError);
      expect(bench.starts).toHaveLength(1);
      expect(bench.stats).toMatchObject({ failedWithoutRetry: 1 });
    });
  });

  describe('with a circuit', () => {
    const circuitBreaker = { failureThreshold: 2, recoveryTimeout: '2d' } as const;

    it('opens after failures, then refuses without entering the method', async () => {
      const bench = new LaneBench(lane, { circuitBreaker }).play(fails(DOWN));

      await bench.run();
      expect(bench.circuit).toBe('closed');
      await bench.run();
      const { error } = await bench.run();

      expect(error).toBeInstanceOf(CircuitOpenError);
      expect(bench.starts).toHaveLength(2);
      expect(bench.events.names).toEqual(['resilience.circuit.opened', 'resilience.circuit.rejected']);
      expect(bench.stats).toMatchObject({ failedWithoutRetry: 3, attempts: 2, rejected: 1 });
      expect(bench.leftovers).toEqual(NOTHING);
    });

    it('judges each attempt of a call, and ends its retries when it opens', async () => {
      const bench = new LaneBench(lane, { circuitBreaker, retry: { maxRetries: 9, strategy: 'immediate' } });

      const { error } = await bench.play(fails(DOWN)).run();

      expect(error).toBeInstanceOf(CircuitOpenError);
      expect(bench.starts).toHaveLength(2);
      expect(bench.stats).toMatchObject({ failedWithRetry: 1, attempts: 2, rejected: 1 });
      expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    });

    it('half open admits one probe, which may close it', async () => {
      const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1, recoveryTimeout: '2d' } });
      await bench.play(fails(DOWN)).run();
      await bench.clock.advance('2d');
      expect(bench.circuit).toBe('half_open');

      expect((await bench.play(gives('up')).run()).value).toBe('up');

      expect(bench.circuit).toBe('closed');
    });

    it('judges a value by recordResult', async () => {
      const recordResult = (value: unknown): boolean => value === 'bad';
      const bench = new LaneBench(lane, {
        circuitBreaker: { failureThreshold: 2, recoveryTimeout: '2d', recordResult },
      });

      await bench.play(gives('bad')).run();
      await bench.play(gives('good')).run();
      await bench.play(gives('bad')).run();
      expect(bench.circuit).toBe('closed');
      await bench.run();

      expect(bench.circuit).toBe('open');
    });

    it('fails with what its key throws', async () => {
      const broken = (): never => {
        throw new Error('broken key');
      };
      const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1, key: broken } });

      expect((await bench.run()).error).toMatchObject({ message: 'broken key' });
      expect(bench.starts).toEqual([]);
    });

    it('picks its circuit by the arguments', async () => {
      const key = (tenant: string): string => tenant;
      const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1, recoveryTimeout: '2d', key: key } });

      await bench.play(fails(DOWN)).run('a');

      expect((await bench.play(gives('fine')).run('b')).value).toBe('fine');
      expect((await bench.run('a')).error).toMatchObject({ circuit: 'Orders.charge[a]' });
    });
  });

  describe('with fallbacks', () => {
    it('asks one after the other, each told what happened before', async () => {
      const seen: unknown[][] = [];
      const broken = (...args: unknown[]): never => {
        seen.push(args);
        throw new Error('broken');
      };
      const last = (...args: unknown[]): string => {
        seen.push(args);
        return 'last';
      };
      const bench = new LaneBench(lane, { retry: { ...immediate, maxRetries: 1 }, fallback: [broken, last] });

      const { value } = await bench.play(fails(DOWN)).run('a');

      expect(value).toBe('last');
      expect(seen).toMatchObject([
        ['a', { error: DOWN, attempts: 2, level: 1, errors: [DOWN] }],
        ['a', { error: DOWN, attempts: 2, level: 2, errors: [DOWN, { message: 'broken' }] }],
      ]);
      expect(bench.events.of('resilience.fallback.used')).toMatchObject([{ level: 2, name: 'last', error: DOWN }]);
      expect(bench.stats).toMatchObject({ successfulWithRetry: 1, fallbacksByLevel: [0, 1] });
      expect(bench.events.names).not.toContain('resilience.retry.recovered');
      expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    });

    it('fails with the original error when none can help', async () => {
      const broken = (): never => {
        throw new Error('broken');
      };
      const bench = new LaneBench(lane, { fallback: [broken, { use: { value: 'for others' }, on: RangeError }] });

      const { error } = await bench.play(fails(DOWN)).run();

      expect(error).toBe(DOWN);
      expect(bench.events.of('resilience.fallback.failed')).toMatchObject([
        { error: DOWN, errors: [{ message: 'broken' }] },
      ]);
      expect(bench.stats).toMatchObject({ failedWithoutRetry: 1, fallbacks: 0 });
    });

    it('says nothing of fallbacks that are not for this error', async () => {
      const bench = new LaneBench(lane, { fallback: [{ use: { value: 'for others' }, on: RangeError }] });

      expect((await bench.play(fails(DOWN)).run()).error).toBe(DOWN);

      expect(bench.events.names).toEqual([]);
    });

    it.each([true, false])('answers a call that the circuit refuses, heard of: %p', async (listening) => {
      const bench = new LaneBench(
        lane,
        { circuitBreaker: { failureThreshold: 1, recoveryTimeout: '2d' }, fallback: { value: 'constant' } },
        { listening },
      );
      await bench.play(fails(DOWN)).run();

      expect((await bench.run()).value).toBe('constant');
      expect((await bench.run()).value).toBe('constant');

      expect(bench.starts).toHaveLength(1);
      expect(bench.stats).toMatchObject({ successfulWithoutRetry: 3, fallbacksByLevel: [3], attempts: 1, rejected: 2 });
      expect(bench.events.of('resilience.fallback.used')).toHaveLength(listening ? 3 : 0);
      expect(bench.leftovers).toEqual(NOTHING);
    });
  });

  describe('with dead letters', () => {
    it('has not recovered where the dead letter answers', async () => {
      const bad = (value: unknown): boolean => value === 'bad';
      const policies = {
        retry: { maxRetries: 3, strategy: 'constant', baseDelay: 100, jitter: 'none', retryOnResult: bad },
        deadLetter: { rethrow: false },
      } as const;
      const late = new LaneBench(lane, { ...policies, timeout: { total: 150 } }).play(fails(DOWN), gives('bad'));
      const failed = new LaneBench(lane, { ...policies, timeout: { total: '1h' } }).play(fails(DOWN));

      await late.run();
      await failed.run();

      expect([late.letters, failed.letters]).toEqual([[expect.anything()], [expect.anything()]]);
      for (const { events } of [late, failed]) expect(events.of('resilience.retry.recovered')).toEqual([]);
    });

    it('keeps the first of very many attempts, and the last 49', async () => {
      const bench = new LaneBench(lane, { retry: { ...immediate, maxRetries: 60, budget: false }, deadLetter: true });

      await bench.play(fails(DOWN)).run('a');

      const numbers = bench.letters[0]?.attempts.map(({ number }) => number);
      expect(numbers).toHaveLength(50);
      expect([numbers?.at(0), numbers?.at(1), numbers?.at(-1)]).toEqual([1, 13, 61]);
    });

    it('keeps a call that nobody could rescue, with its arguments and every attempt', async () => {
      const bench = new LaneBench(
        lane,
        { retry: { ...immediate, maxRetries: 1 }, deadLetter: true },
        { attemptIndex: 1 },
      );
      const first = new Error('first');
      const last = new Error('last');

      const { error } = await bench.play(fails(first), fails(last)).run('a');

      expect(error).toBe(last);
      expect(error).toHaveProperty('deadLetterId', 'entry 1');
      const now = bench.clock.epochNow();
      expect(bench.letters).toMatchObject([
        {
          target: 'Orders.charge',
          args: ['a'],
          error: last,
          attempts: [
            { number: 1, startedAt: now, durationMs: 0, error: first },
            { number: 2, startedAt: now, durationMs: 0, error: last },
          ],
          fallbacks: [],
          firstFailedAt: now,
          reason: 'failed',
        },
      ]);
      expect(bench.stats.deadLettered).toBe(1);
      expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    });

    it('keeps none of a call that was rescued', async () => {
      const bench = new LaneBench(lane, { deadLetter: true, fallback: 'rescue' });

      await bench.play(fails(DOWN)).run();

      expect(bench.letters).toEqual([]);
    });

    it('keeps also what was rescued where it is told to, and only that', async () => {
      const bench = new LaneBench(lane, { deadLetter: { capture: 'exhausted' }, fallback: 'rescue', retry: immediate });

      await bench.play(gives('fine')).run();
      await bench.play(fails(DOWN), gives('recovered')).run();
      expect(bench.letters).toEqual([]);
      expect((await bench.play(fails(DOWN)).run('a')).value).toBe('rescued a');

      expect(bench.letters).toMatchObject([
        { error: DOWN, reason: 'rescued', fallbacks: [{ level: 1, name: 'rescue', error: undefined }] },
      ]);
      expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    });

    it('keeps also a refused call that a constant answered, where it is told to', async () => {
      const bench = new LaneBench(
        lane,
        {
          circuitBreaker: { failureThreshold: 1, recoveryTimeout: '2d' },
          fallback: { value: 'constant' },
          deadLetter: { capture: 'exhausted' },
        },
        { listening: false },
      );
      await bench.play(fails(DOWN)).run();
      bench.letters.length = 0;

      expect((await bench.run()).value).toBe('constant');

      expect(bench.letters).toMatchObject([{ error: { code: 'RESILIENCE_CIRCUIT_OPEN' }, reason: 'rescued' }]);
    });

    it('a replayed call is none a second time, and counts like any other', async () => {
      const bench = new LaneBench(lane, { deadLetter: true, retry: { ...immediate, maxRetries: 1 } });

      const replayed = bench.play(fails(DOWN)).pipeline.replay(bench.method, bench.service, ['a']);

      await expect(replayed).rejects.toBe(DOWN);
      expect(bench.letters).toEqual([]);
      expect(bench.given).toEqual([['a'], ['a']]);
      expect(bench.stats).toMatchObject({ failedWithRetry: 1, attempts: 2 });
      expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    });
  });

  it('answers with what chaos says instead of the method', async () => {
    const bench = new LaneBench(lane, { chaos: { rate: 1, fault: DOWN }, retry: immediate });

    expect((await bench.run()).error).toBe(DOWN);

    expect(bench.starts).toEqual([]);
    expect(bench.stats).toMatchObject({ failedWithRetry: 1, attempts: 3 });
  });

  it('builds no event for a listener that does not exist', async () => {
    const policies = {
      retry: immediate,
      circuitBreaker: { failureThreshold: 3 },
      timeout: '1s',
      fallback: () => {
        throw DOWN;
      },
      bulkhead: 1,
    } as const;
    const bench = new LaneBench(lane, policies, { listening: false }).play(fails(DOWN));

    await bench.run();
    await bench.run();

    expect(bench.events.all).toEqual([]);
  });

  it('takes other policies for the calls to come', async () => {
    const bench = await new LaneBench(lane).shown();
    bench.pipeline.use(bench.build({ retry: immediate, fallback: { value: 'rescued' } }));

    expect((await bench.play(fails(DOWN)).run()).value).toBe('rescued');

    expect(bench.starts).toHaveLength(3);
  });
});

describe.each<[string, Lane]>(WAITING_LANES)('%s can wait:', (_name, lane) => {
  it('a call takes as long as it takes', async () => {
    const bench = new LaneBench(lane, { retry: true, timeout: '1s' });

    expect(await bench.play(gives('late', 400)).run()).toEqual({ value: 'late', at: 400 });
    expect(bench.stats.durations).toMatchObject({ count: 1, sum: 400 });
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
  });

  it('a failure takes as long as it takes', async () => {
    const bench = new LaneBench(lane).play(fails(DOWN, 400));

    expect(await bench.run()).toEqual({ error: DOWN, at: 400 });
    expect(bench.stats.durations).toMatchObject({ count: 1, sum: 400 });
  });

  it('retries wait for their time', async () => {
    const bench = new LaneBench(lane, { retry: { jitter: 'none', maxRetries: 2 } });

    const { at } = await bench.play(fails(DOWN, 10)).run();

    expect([bench.starts, at]).toEqual([[0, 510, 1520], 1530]);
    expect(bench.stats.durations).toMatchObject({ count: 1, sum: 1530 });
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
  });

  it('a dead letter answers in place of the error, once it is safe', async () => {
    const bench = new LaneBench(lane, { deadLetter: { rethrow: false } }).play(fails(DOWN));

    expect(await bench.run()).toEqual({ value: undefined, at: 0 });
    bench.keep = () => Promise.resolve(undefined);
    expect(await bench.run()).toMatchObject({ error: DOWN });
    expect(bench.stats).toMatchObject({ deadLettered: 1 });
  });

  it('an attempt is given up after its time, and its signal says so', async () => {
    const bench = new LaneBench(lane, { timeout: 100, retry: { ...immediate, maxRetries: 1 } }, { attemptIndex: 0 });

    const outcome = bench.play(hangs, gives('second', 50)).start();
    await bench.clock.advance('1h');

    expect(await outcome).toEqual({ value: 'second', at: 150 });
    const [first, second] = attemptsIn(bench, 0);
    const epoch = bench.clock.epochNow() - bench.clock.now();
    expect([first?.signal.aborted, second?.signal.aborted]).toEqual([true, false]);
    expect(first?.signal.reason).toMatchObject({ code: 'RESILIENCE_TIMEOUT', afterMs: 100 });
    expect(epoch).toBeGreaterThan(0);
    expect(bench.stats).toMatchObject({ timeouts: 1, successfulWithRetry: 1, attempts: 2 });
    expect(bench.events.of('resilience.timeout.exceeded')).toMatchObject([{ attempt: 1, afterMs: 100 }]);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
  });

  it('a hanging attempt fails its circuit when it is given up', async () => {
    const bench = new LaneBench(lane, { timeout: 100, circuitBreaker: { failureThreshold: 1 } });

    expect(await bench.play(hangs).run()).toMatchObject({ error: { code: 'RESILIENCE_TIMEOUT' }, at: 100 });

    expect(bench.events.names).toEqual(['resilience.timeout.exceeded', 'resilience.circuit.opened']);
    expect(bench.leftovers).toEqual(NOTHING);
  });

  it('the total timeout ends it within an attempt and within a wait; nothing follows but the fallback', async () => {
    const retry = { baseDelay: '1s', jitter: 'none' } as const;
    const limited = { timeout: { total: 300 }, retry };
    const attempt = new LaneBench(lane, limited);
    const wait = new LaneBench(lane, limited);
    const rescued = new LaneBench(lane, { ...limited, fallback: 'rescue' });

    expect(await attempt.play(hangs).run()).toMatchObject({ error: { scope: 'total', afterMs: 300 }, at: 300 });
    expect(await wait.play(fails(DOWN, 10)).run()).toMatchObject({ error: { scope: 'total' }, at: 300 });
    expect(await rescued.play(hangs).run('a')).toEqual({ value: 'rescued a', at: 300 });

    for (const bench of [attempt, wait, rescued]) {
      expect(bench.starts).toEqual([0]);
      expect(bench.stats.timeouts).toBe(1);
      expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    }
  });

  it('one more than the bulkhead takes is refused, or waits in line', async () => {
    const refusing = new LaneBench(lane, { bulkhead: 1 }).play(gives('done', 100));
    const queueing = new LaneBench(lane, { bulkhead: { maxConcurrent: 1, maxQueue: 1 } }).play(gives('done', 100));
    const outcomes = async (bench: LaneBench): Promise<unknown> => {
      const both = Promise.all([bench.start(), bench.start()]);
      await bench.clock.advance('1h');
      return both;
    };

    expect(await outcomes(refusing)).toMatchObject([
      { value: 'done', at: 100 },
      { error: { code: 'RESILIENCE_BULKHEAD_FULL' }, at: 0 },
    ]);
    expect(refusing.stats).toMatchObject({ successfulWithoutRetry: 1, failedWithoutRetry: 1, attempts: 1 });
    expect(await outcomes(queueing)).toEqual([
      { value: 'done', at: 100 },
      { value: 'done', at: 200 },
    ]);
    expect(queueing.stats).toMatchObject({ successfulWithoutRetry: 2, attempts: 2 });
    for (const bench of [refusing, queueing]) expect(bench.leftovers).toEqual({ ...NOTHING, running: 0, queued: 0 });
  });

  it('a place is given back after a failure and after a timeout', async () => {
    const bench = new LaneBench(lane, { bulkhead: 1, timeout: 100 });

    for (const step of [fails(DOWN, 10), hangs, gives('fine')]) await bench.play(step).run();

    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, failedWithoutRetry: 2, attempts: 3 });
    expect(bench.leftovers).toEqual({ ...NOTHING, running: 0, queued: 0 });
  });

  it('the wait for a place is not the time of the attempt', async () => {
    const bench = new LaneBench(lane, { bulkhead: { maxConcurrent: 1, maxQueue: 5 }, timeout: 150 }).play(
      gives('done', 100),
    );

    const all = Promise.all([bench.start(), bench.start(), bench.start()]);
    await bench.clock.advance('1h');

    expect((await all).map(({ at }) => at)).toEqual([100, 200, 300]);
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 3, timeouts: 0 });
    expect(bench.leftovers).toEqual({ ...NOTHING, running: 0, queued: 0 });
  });

  it('after a wait in line the attempt has its whole time, and no more', async () => {
    const bench = new LaneBench(lane, { bulkhead: { maxConcurrent: 1, maxQueue: 5 }, timeout: 150 });

    const all = Promise.all([bench.play(gives('done', 100), hangs).start(), bench.start()]);
    await bench.clock.advance('1h');

    expect(await all).toMatchObject([{ at: 100 }, { error: { code: 'RESILIENCE_TIMEOUT' }, at: 250 }]);
    expect(bench.leftovers).toEqual({ ...NOTHING, running: 0, queued: 0 });
  });

  it('the total timeout and a full line end a wait for a place', async () => {
    const timeout = { each: Infinity, total: 250 } as const;
    const bench = new LaneBench(lane, { bulkhead: { maxConcurrent: 1, maxQueue: 1 }, timeout });
    bench.parts.permits?.tryAcquire([], 0);

    const all = Promise.all([bench.start(), bench.start()]);
    await bench.clock.advance('1h');

    expect(await all).toMatchObject([
      { error: { scope: 'total' }, at: 250 },
      { error: { code: 'RESILIENCE_BULKHEAD_FULL' }, at: 0 },
    ]);
    expect(bench.starts).toEqual([]);
    expect(bench.leftovers).toEqual({ ...NOTHING, running: 1, queued: 0 });
  });

  it('a circuit that opens meanwhile refuses who has waited in line', async () => {
    const bench = new LaneBench(lane, {
      bulkhead: { maxConcurrent: 1, maxQueue: 1 },
      circuitBreaker: { failureThreshold: 1 },
    });

    const all = Promise.all([bench.play(fails(DOWN, 100)).start(), bench.start()]);
    await bench.clock.advance('10s');

    expect(await all).toMatchObject([{ error: DOWN }, { error: { code: 'RESILIENCE_CIRCUIT_OPEN' }, at: 100 }]);
    expect(bench.starts).toHaveLength(1);
    expect(bench.leftovers).toMatchObject({ calls: 0, running: 0, queued: 0 });
  });

  it('a probe that finds no place says nothing about the dependency', async () => {
    const bench = new LaneBench(lane, {
      bulkhead: { name: 'shared', maxConcurrent: 1 },
      circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1s' },
    });
    await bench.play(fails(DOWN)).run();
    await bench.clock.advance('1s');
    bench.parts.permits?.tryAcquire([], 0);

    expect((await bench.play(gives('up')).run()).error).toMatchObject({ code: 'RESILIENCE_BULKHEAD_FULL' });
    expect(bench.circuit).toBe('half_open');
    bench.parts.permits?.release();

    expect((await bench.run()).value).toBe('up');
    expect(bench.circuit).toBe('closed');
  });

  it('a probe that waits in line for a place is admitted when it has one', async () => {
    const bench = new LaneBench(lane, {
      bulkhead: { maxConcurrent: 1, maxQueue: 1 },
      circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1s' },
    });
    await bench.play(fails(DOWN)).run();
    await bench.clock.advance('1s');
    bench.parts.permits?.tryAcquire([], 0);

    const probe = bench.play(gives('up')).start();
    await bench.clock.advance(100);
    bench.parts.permits?.release();

    expect((await probe).value).toBe('up');
    expect(bench.circuit).toBe('closed');
  });

  it('more than the rate limit lets through waits for its token, or is refused', async () => {
    const bench = new LaneBench(lane, { rateLimit: { limit: 1, interval: '1s', maxWait: '1s' } });

    const all = Promise.all([bench.start(), bench.start(), bench.start()]);
    await bench.clock.advance('1h');

    expect(await all).toMatchObject([
      { value: 'ok', at: 0 },
      { value: 'ok', at: 1000 },
      { error: { code: 'RESILIENCE_RATE_LIMITED' }, at: 0 },
    ]);
    expect(bench.starts).toEqual([0, 1000]);
    expect(bench.leftovers).toEqual(NOTHING);
  });

  it('fails with what a cost throws, and has drawn nothing', async () => {
    const cost = (amount: unknown): number => {
      if (amount === 'broken') throw new Error('broken cost');
      return 1;
    };
    const bench = new LaneBench(lane, { rateLimit: { limit: 1, interval: '2h', cost: cost } });

    expect((await bench.run('broken')).error).toMatchObject({ message: 'broken cost' });
    expect((await bench.run(1)).value).toBe('ok');
  });

  it('a shutdown ends a wait at once, with the error that was to be retried', async () => {
    const bench = new LaneBench(lane, { retry: { baseDelay: '10s', jitter: 'none' }, deadLetter: true });
    const outcome = bench.play(fails(DOWN)).start();
    await bench.clock.advance('1s');

    bench.context.shutdown.begin();

    expect(await outcome).toEqual({ error: DOWN, at: 1000 });
    expect(bench.letters).toMatchObject([{ error: DOWN, reason: 'shutdown' }]);
    expect(bench.starts).toHaveLength(1);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
  });

  it('after the shutdown began nothing is retried', async () => {
    const bench = await new LaneBench(lane, { retry: immediate }).shown();
    bench.context.shutdown.begin();

    expect((await bench.play(fails(DOWN)).run()).error).toBe(DOWN);

    expect(bench.starts).toHaveLength(1);
    expect(bench.events.of('resilience.retry.exhausted')).toMatchObject([{ because: 'shutdown', attempts: 1 }]);
  });

  it('counts as running until it has ended', async () => {
    const bench = new LaneBench(lane, { retry: { jitter: 'none', maxRetries: 1 } });
    const outcome = bench.play(fails(DOWN, 100)).start();
    let idle = false;
    await bench.clock.advance(50);
    void bench.context.shutdown.whenIdle().then(() => (idle = true));

    for (const ms of [100, 400, 50]) {
      expect([bench.context.shutdown.running, idle]).toEqual([1, false]);
      await bench.clock.advance(ms);
    }
    await bench.clock.advance(200);
    await outcome;

    expect([bench.context.shutdown.running, idle]).toEqual([0, true]);
  });
});

describe.each<[string, Lane]>(SYNC_LANES)('%s cannot wait:', (_name, lane) => {
  it('a call answers at once', async () => {
    const bench = await new LaneBench(lane, { retry: true, timeout: 1, circuitBreaker: true }).shown();

    expect(bench.play(gives('now')).call()).toBe('now');
    expect(() => bench.play(fails(DOWN, 0)).call()).toThrow(DOWN);
  });

  it('a retry that would have to is not made', async () => {
    const bench = new LaneBench(lane, { retry: { baseDelay: 1, jitter: 'none' } });

    expect(await bench.play(fails(DOWN)).run()).toEqual({ error: DOWN, at: 0 });

    expect(bench.starts).toEqual([0]);
    expect(bench.stats).toMatchObject({ failedWithoutRetry: 1 });
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
  });

  it('a dead letter is written behind it, so the error is thrown in any case', async () => {
    const bench = new LaneBench(lane, { deadLetter: { rethrow: false } }).play(fails(DOWN));

    expect(await bench.run()).toMatchObject({ error: DOWN });

    expect(bench.letters).toHaveLength(1);
  });

  it('a method that calls itself finds its own place taken', async () => {
    const bench = await new LaneBench(lane, { bulkhead: { maxConcurrent: 1, maxQueue: 9 } }).shown();
    const inner = (): unknown => bench.call();

    const call = (): unknown => bench.pipeline.invoke(inner, bench.service, []);

    expect(call).toThrow(expect.objectContaining({ code: 'RESILIENCE_BULKHEAD_FULL' }));
    expect(bench.leftovers).toEqual({ ...NOTHING, running: 0, queued: 0 });
    expect(bench.play(gives('free again')).call()).toBe('free again');
  });

  it('more than the rate limit lets through is refused, however long one might wait', async () => {
    const bench = await new LaneBench(lane, { rateLimit: { limit: 2, interval: '1h', maxWait: '1h' } }).shown();

    expect(() => [bench.call(), bench.call(), bench.call()]).toThrow(
      expect.objectContaining({ code: 'RESILIENCE_RATE_LIMITED' }),
    );
  });

  it('is no call that a shutdown would have to wait for', async () => {
    const bench = await new LaneBench(lane, { retry: immediate }).shown();

    bench.play(gives('now')).call();

    expect(bench.context.shutdown.running).toBe(0);
  });
});
