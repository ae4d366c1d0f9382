import { describe, expect, it } from '@jest/globals';

import { attemptsIn, fails, gives, hangs, type Lane, LaneBench, LANES, WAITING_LANES } from './lane-bench.js';

const DOWN = new Error('down');
const immediate = { maxRetries: 2, strategy: 'immediate' } as const;
const NOTHING = { calls: 0, timers: 0 };

/** Token streams are not kept, and a handler has an entry of its own. */
const CACHED = LANES.filter(([, { shape, way }]) => shape !== 'iterable' && way !== 'handler');
/** Those that wait on promises or Observables. */
const JOINED = WAITING_LANES.filter(([, { shape, way }]) => shape !== 'iterable' && way !== 'handler');

describe.each<[string, Lane]>(CACHED)('%s with a cache', (_name, lane) => {
  it('answers by the arguments, from what was returned before', async () => {
    const bench = await new LaneBench(lane, { cache: '1s', retry: true, bulkhead: 1 }).shown();
    const { total, attempts } = bench.stats;

    for (const key of ['a', 'b', 'a', 'a']) await bench.play(gives(`of ${key}`)).run(key);

    expect((await bench.play(fails(DOWN)).run('b')).value).toBe('of b');
    expect([bench.stats.total - total, bench.stats.attempts - attempts]).toEqual([5, 2]);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0, running: 0, queued: 0 });
  });

  it('asks the method again when it has expired, and answers its error with what it kept', async () => {
    const policies = { cache: { ttl: '1s', staleIfError: '10s' }, retry: immediate, fallback: 'rescue' } as const;
    const bench = await new LaneBench(lane, policies).shown();
    await bench.play(gives('kept')).run('a');
    await bench.clock.advance('2s');

    expect((await bench.play(fails(DOWN)).run('a')).value).toBe('kept');

    expect(bench.starts).toHaveLength(3);
    expect(bench.stats).toMatchObject({ fallbacks: 0, successfulWithRetry: 1 });
    expect(bench.events.names).not.toContain('resilience.retry.recovered');
    expect((await bench.play(fails(DOWN)).run('b')).value).toBe('rescued b');
  });

  it('fails with what its key throws', async () => {
    const key = (): never => {
      throw new Error('broken key');
    };
    const bench = await new LaneBench(lane, { cache: { ttl: '1s', key }, retry: true }).shown();

    expect((await bench.run()).error).toMatchObject({ message: 'broken key' });
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
  });
});

describe.each<[string, Lane]>(JOINED)('%s with calls that share one', (_name, lane) => {
  it('runs it once for all, with its own retries', async () => {
    const retry = { ...immediate, budget: { min: 1, ratio: 0 } };
    const bench = await new LaneBench(lane, { coalesce: true, retry }).shown();
    const before = bench.stats.total;

    bench.play(fails(DOWN, 100), gives('shared', 100));
    const all = Promise.all([bench.start('a'), bench.start('a'), bench.start('b')]);
    await bench.clock.advance('1s');
    const [first, second] = await all;

    expect([first?.value, second?.value]).toEqual(['shared', 'shared']);
    expect(bench.stats.total - before).toBe(3);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
  });

  it('fails all of them with one error, and lets each ask its own fallback', async () => {
    const bench = await new LaneBench(lane, { coalesce: true, fallback: 'rescue' }).shown();

    const all = Promise.all([bench.play(fails(DOWN, 100)).start('a'), bench.start('a')]);
    await bench.clock.advance('1s');

    expect((await all).map(({ value }) => value)).toEqual(['rescued a', 'rescued a']);
    expect(bench.starts).toHaveLength(1);
    expect(bench.stats.fallbacks).toBe(2);
  });
});

describe.each<[string, Lane]>(WAITING_LANES)('%s that is hedged', (_name, lane) => {
  const hedged = (policies: object = {}): Promise<LaneBench> =>
    new LaneBench(lane, { hedge: 100, ...policies }, { attemptIndex: 0 }).shown();

  it('is answered by whichever attempt is first, and the other is told', async () => {
    const bench = await hedged({ circuitBreaker: true, bulkhead: 2 });

    const { value } = await bench.play(gives('slow', 5000), gives('fast', 50)).run();

    expect(value).toBe('fast');
    const [slow, fast] = attemptsIn(bench, 0).slice(-2);
    expect([slow?.signal.aborted, fast?.signal.aborted]).toEqual([true, false]);
    expect(bench.events.names).toEqual(['resilience.hedge.started', 'resilience.hedge.won']);
    expect(bench.stats).toMatchObject({ failedWithoutRetry: 0, successfulWithRetry: 0 });
    await bench.clock.advance('10s');
    expect(bench.leftovers).toEqual({ ...NOTHING, running: 0, queued: 0 });
  });

  it('is one attempt as long as that answers in time', async () => {
    const bench = await hedged();

    expect((await bench.play(gives('fast', 90)).run()).value).toBe('fast');

    expect(bench.starts).toHaveLength(1);
    expect(bench.events.names).toEqual([]);
    expect(bench.leftovers).toEqual(NOTHING);
  });

  it('is answered by one that fails only when no other can answer', async () => {
    const bench = await hedged();

    expect((await bench.play(fails(DOWN, 150), gives('second', 500)).run()).value).toBe('second');
    expect((await bench.play(fails(DOWN, 150), fails(new Error('last'), 500)).run()).error).toMatchObject({
      message: 'last',
    });
    expect((await bench.play(fails(DOWN, 50), gives('never')).run()).error).toBe(DOWN);
  });

  it('is joined by no more attempts than it allows', async () => {
    const bench = await hedged({ hedge: { delay: 100, maxHedges: 2 }, timeout: { each: '1s', total: '2s' } });

    await bench.play(hangs).run();

    expect(bench.starts).toHaveLength(3);
    expect(bench.leftovers).toEqual(NOTHING);
  });

  it('is not hedged any more when the process is going', async () => {
    const bench = await hedged({ timeout: '1s' });
    const outcome = bench.play(hangs).start();
    await bench.clock.advance(50);

    bench.context.shutdown.begin();
    await bench.clock.advance('10s');

    expect((await outcome).error).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
    expect(bench.starts).toHaveLength(1);
  });

  it('counts its attempts, but no retry', async () => {
    const bench = await hedged({ retry: true });
    const before = bench.stats.attempts;

    await bench.play(hangs, gives('second')).run();

    expect(bench.stats.attempts - before).toBe(2);
    expect(bench.stats.successfulWithRetry).toBe(0);
    expect(bench.events.names).not.toContain('resilience.retry.recovered');
  });
});
