import { getEventListeners } from 'node:events';

import { describe, expect, it, jest } from '@jest/globals';

import { attemptsIn, fails, gives, hangs, type Lane, LaneBench, SYNC_LANES, WAITING_LANES } from './lane-bench.js';

const DOWN = new Error('down');
const GONE = new Error('the caller has gone');

/** Lanes that find the caller's signal among the arguments; a handler's are known too late, and one lane has its own. */
const LANES = WAITING_LANES.filter(([, { way }]) => way === undefined);
/** The first attempt of a promise is left to the method, which was given the signal too. */
const STREAMS = LANES.filter(([, { shape }]) => shape !== 'promise');

describe.each<[string, Lane]>(LANES)('A caller’s abort of %s', (_name, lane) => {
  it('in a wait ends it at once and leaves nothing behind', async () => {
    const bench = new LaneBench(lane, {
      retry: { baseDelay: '10s', jitter: 'none' },
      fallback: 'rescue',
      deadLetter: true,
    });
    const caller = new AbortController();
    const outcome = bench.play(fails(DOWN)).start({ signal: caller.signal });
    await bench.clock.advance('3s');

    caller.abort(GONE);

    expect(await outcome).toEqual({ error: GONE, at: 3000 });
    expect(bench.starts).toEqual([0]);
    expect(bench.letters).toEqual([]);
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it('in line for a place leaves the line', async () => {
    const bench = new LaneBench(lane, { bulkhead: { maxConcurrent: 1, maxQueue: 5 } });
    bench.parts.permits?.tryAcquire([], 0);
    const caller = new AbortController();
    const outcome = bench.start(caller.signal);
    await bench.clock.advance(100);

    caller.abort(GONE);

    expect(await outcome).toEqual({ error: GONE, at: 100 });
    expect(bench.starts).toEqual([]);
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, running: 1, queued: 0 });
  });

  it.each(['succeeds', 'fails'])('is not listened for any more once the call %s', async (how) => {
    const bench = new LaneBench(lane, { retry: { maxRetries: 1, baseDelay: 10 }, timeout: '1s' }, { attemptIndex: 1 });
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, 'addEventListener');

    await bench.play(fails(DOWN, 10), how === 'fails' ? fails(DOWN, 10) : gives('fine', 10)).run(signal);

    expect(added).toHaveBeenCalled();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe.each<[string, Lane]>(STREAMS)('A caller’s abort of %s', (_name, lane) => {
  it('before the first attempt lets it fail with its reason, and is no retry, no dead letter and no fallback', async () => {
    const bench = new LaneBench(lane, { retry: true, fallback: 'rescue', deadLetter: true });
    await bench.play(gives('shown')).run();

    const { error } = await bench.play(gives('never')).run(AbortSignal.abort(GONE));

    expect(error).toBe(GONE);
    expect(bench.letters).toEqual([]);
    expect(bench.stats).toMatchObject({ fallbacks: 0 });
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it('reaches the signal of the attempt that runs, and gives its place and its probe back', async () => {
    const policies = { bulkhead: 1, circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1s' }, retry: 1 } as const;
    const bench = new LaneBench(lane, policies, { attemptIndex: 1 });
    await bench.play(fails(Object.assign(new Error('not again'), { status: 501 }))).run();
    await bench.clock.advance('1h');
    expect(bench.circuit).toBe('half_open');
    const caller = new AbortController();
    const outcome = bench.play(hangs).start({ signal: caller.signal });
    await bench.clock.advance(100);
    const signals = attemptsIn(bench, 1).map(({ signal }) => signal);

    caller.abort(GONE);

    expect(await outcome).toMatchObject({ error: GONE });
    expect(signals.at(-1)).toMatchObject({ aborted: true, reason: GONE });
    expect((await bench.play(gives('up')).run()).value).toBe('up');
    expect(bench.circuit).toBe('closed');
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0, running: 0, queued: 0 });
  });
});

describe('A caller’s abort of a promise', () => {
  const lane: Lane = { name: 'a promise', shape: 'promise', kind: 'promise' };

  it('in its first attempt is the method’s own business: its signal says so, its answer counts', async () => {
    const bench = new LaneBench(lane, { retry: true }, { attemptIndex: 1 });
    const caller = new AbortController();
    const outcome = bench.play(gives('all the same', 100)).start(caller.signal);
    const [attempt] = attemptsIn(bench, 1);
    expect(attempt?.signal.aborted).toBe(false);

    caller.abort(GONE);

    expect(attempt?.signal).toMatchObject({ aborted: true, reason: GONE });
    await bench.clock.advance('1h');
    expect(await outcome).toEqual({ value: 'all the same', at: 100 });
  });

  it('in a later attempt ends the call', async () => {
    const bench = new LaneBench(lane, { retry: { strategy: 'immediate' } }, { attemptIndex: 1 });
    const caller = new AbortController();
    const outcome = bench.play(fails(DOWN), hangs).start(caller.signal);
    await bench.clock.advance(10);
    const second = attemptsIn(bench, 1)[1]!;

    caller.abort(GONE);

    expect(await outcome).toEqual({ error: GONE, at: 10 });
    expect(second.signal).toMatchObject({ aborted: true, reason: GONE });
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it('before a signal is read is seen when it is', async () => {
    const bench = new LaneBench(lane, { retry: true }, { attemptIndex: 1 });

    void bench.play(hangs).call(AbortSignal.abort(GONE));

    expect(attemptsIn(bench, 1)[0]?.signal).toMatchObject({ aborted: true, reason: GONE });
  });
});

describe('A signal among the arguments', () => {
  const lane: Lane = { name: 'a promise', shape: 'promise', kind: 'promise' };
  const abortedBy = async (...args: unknown[]): Promise<boolean> => {
    const bench = new LaneBench(lane, { retry: { baseDelay: '1s', jitter: 'none' } });
    const { error } = await bench.play(fails(DOWN)).run(...args);
    return error === GONE;
  };
  const signal = AbortSignal.abort(GONE);

  it.each<[string, unknown[], boolean]>([
    ['as the only argument', [signal], true],
    ['as any argument', ['a', signal, 'b'], true],
    ['in an object that comes last', ['a', { signal }], true],
    ['in an object that does not come last', [{ signal }, 'b'], false],
    ['that is none', ['a', { signal: { aborted: true } }], false],
    ['as nothing', ['a', { signal: null }], false],
    ['in null', ['a', null], false],
    ['in a text', ['signal'], false],
    ['nowhere', [], false],
  ])('%s', async (_where, args, aborted) => {
    expect(await abortedBy(...args)).toBe(aborted);
  });

  it('stands back behind the one that the call was given', async () => {
    const bench = new LaneBench(lane, { retry: { baseDelay: '1s', jitter: 'none' } });
    const caller = new AbortController();
    const answer = bench
      .play(fails(DOWN))
      .pipeline.withSignal(bench.method, bench.service, [signal], caller.signal) as Promise<unknown>;
    const outcome = answer.catch((error: unknown) => error);
    await bench.clock.advance(10);

    caller.abort('the other');

    expect(await outcome).toBe('the other');
  });
});

describe.each<[string, Lane]>(SYNC_LANES)('A caller’s abort of %s', (_name, lane) => {
  it('ends its retries and asks no fallback', async () => {
    const caller = new AbortController();
    const bench = new LaneBench(lane, { retry: { maxRetries: 5, strategy: 'immediate' }, fallback: 'rescue' });
    bench.play(fails(DOWN));
    caller.abort(GONE);

    expect((await bench.run(caller.signal)).error).toBe(GONE);

    expect(bench.starts).toHaveLength(1);
  });
});
