import { describe, expect, it } from '@jest/globals';
import { defer } from 'rxjs';

import type { Caller } from '../../src/engine/caller.js';
import { admitted, reachMethod } from '../../src/engine/method-call.js';
import { toObservable } from '../../src/engine/return-kind.js';
import type { Policies } from '../../src/policy/policy.options.js';
import { settle } from '../../src/testing/settle.js';
import { attemptsIn, fails, gives, hangs, type Lane, LaneBench, WAITING_LANES } from './lane-bench.js';

const DOWN = new Error('down');
const GONE = new Error('the client has gone');
const NOTHING = { calls: 0, timers: 0 };
const immediate = { maxRetries: 2, strategy: 'immediate' } as const;

/** As an application does at the end of its shutdown timeout. */
function waitNoLonger({ context }: LaneBench): void {
  context.shutdown.begin();
  context.shutdown.expire();
  context.deadlines.giveUp();
}

describe.each<[string, Lane]>(WAITING_LANES)('When the process waits no longer, %s', (_name, lane) => {
  const policies: Policies = { retry: immediate, deadLetter: true, circuitBreaker: true, bulkhead: 1 };

  it.each<[string, Policies]>([
    ['without a limit', policies],
    ['with a limit per attempt', { ...policies, timeout: '1h' }],
    ['with a limit in all', { ...policies, timeout: { total: '1h' } }],
  ])('%s is given up in its first attempt, and kept as dead letter', async (_how, given) => {
    const bench = await new LaneBench(lane, given, { attemptIndex: 0 }).shown();
    const outcome = bench.play(hangs).start();
    await bench.clock.advance(100);

    waitNoLonger(bench);

    const { error } = await outcome;
    expect(error).toMatchObject({ code: 'RESILIENCE_SHUTDOWN', policy: 'Orders.charge' });
    expect(error).not.toHaveProperty('cause');
    expect(attemptsIn(bench, 0)[0]?.signal).toMatchObject({ aborted: true, reason: { code: 'RESILIENCE_SHUTDOWN' } });
    expect(bench.starts).toHaveLength(1);
    expect(bench.letters).toMatchObject([{ reason: 'shutdown', error }]);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0, running: 0, queued: 0 });
  });

  it('is given up in a later attempt, with the error that came before as its cause', async () => {
    const bench = new LaneBench(lane, { ...policies, timeout: '1h' });
    const outcome = bench.play(fails(DOWN), hangs).start();
    await bench.clock.advance(100);

    waitNoLonger(bench);

    expect((await outcome).error).toMatchObject({ code: 'RESILIENCE_SHUTDOWN', cause: DOWN });
    expect(bench.letters).toMatchObject([{ reason: 'shutdown' }]);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0, running: 0, queued: 0 });
  });

  it('is left alone once it has ended', async () => {
    const bench = new LaneBench(lane, policies);
    const outcome = await bench.play(gives('in time', 10)).run();

    waitNoLonger(bench);

    expect(outcome).toEqual({ value: 'in time', at: 10 });
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1 });
    expect(bench.stats.total).toBe(1);
  });
});

describe.each<[string, Lane]>(WAITING_LANES.filter(([, { shape }]) => shape !== 'iterable'))(
  'When the process waits no longer, %s',
  (_name, lane) => {
    it('is given up in its fallback too', async () => {
      const bench = new LaneBench(lane, { fallback: () => new Promise(() => undefined), deadLetter: true });
      const outcome = bench.play(fails(DOWN)).start();
      await bench.clock.advance(100);

      waitNoLonger(bench);

      expect((await outcome).error).toMatchObject({ code: 'RESILIENCE_SHUTDOWN', cause: DOWN });
      expect(bench.letters).toMatchObject([{ reason: 'shutdown' }]);
      expect(bench.leftovers).toEqual(NOTHING);
    });
  },
);

describe('The client behind a handler', () => {
  const lane = WAITING_LANES.find(([, { way }]) => way === 'handler')![1];

  class Client implements Caller {
    readonly listeners = new Set<() => void>();
    private left = false;

    constructor(readonly endsCall = true) {}

    gone(): boolean {
      return this.left;
    }

    reason(): unknown {
      return GONE;
    }

    onGone(listener: () => void): () => void {
      this.listeners.add(listener);
      return () => void this.listeners.delete(listener);
    }

    leave(): void {
      this.left = true;
      for (const listener of [...this.listeners]) listener();
    }
  }

  /** What the client sees of one call, as it comes. */
  function call(bench: LaneBench, client: Client): unknown[] {
    const { pipeline, service, method } = bench;
    const execution = pipeline.execution(undefined, []);
    execution.caller = client;
    const seen: unknown[] = [];
    pipeline
      .around(execution, (attempt) =>
        defer(() => {
          attempt.arrived = true;
          Object.assign(execution, { self: service, args: [] });
          return admitted(attempt, () => toObservable(reachMethod(attempt, method)));
        }),
      )
      .subscribe({
        next: (item) => seen.push(item),
        error: (error) => seen.push(error),
        complete: () => seen.push('end'),
      });
    return seen;
  }

  it('may leave in an attempt that reads its signal: that is told, and it was no call that ended', async () => {
    const bench = new LaneBench(
      lane,
      { retry: immediate, fallback: 'rescue', deadLetter: true, bulkhead: 1 },
      { attemptIndex: 0 },
    );
    const client = new Client();
    const seen = call(bench.play(hangs), client);
    const { signal } = attemptsIn(bench, 0)[0]!;

    client.leave();
    await settle();

    expect(signal).toMatchObject({ aborted: true, reason: GONE });
    expect(seen).toEqual([GONE]);
    expect([bench.stats.total, bench.letters]).toEqual([0, []]);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0, running: 0, queued: 0 });
    expect(client.listeners.size).toBe(0);
  });

  it('that left before a signal is read is seen when it is', () => {
    const bench = new LaneBench(lane, {}, { attemptIndex: 0 });
    const client = new Client();
    void call(bench.play(hangs), client);
    client.leave();

    expect(attemptsIn(bench, 0)[0]?.signal).toMatchObject({ aborted: true, reason: GONE });
  });

  it('may leave in a wait, which ends it', async () => {
    const bench = new LaneBench(lane, {
      retry: { baseDelay: '1s', jitter: 'none' },
      fallback: 'rescue',
      deadLetter: true,
    });
    const client = new Client();
    const seen = call(bench.play(fails(DOWN)), client);
    await bench.clock.advance(500);

    client.leave();
    await bench.clock.advance('1h');

    expect(seen).toEqual([GONE]);
    expect(bench.starts).toEqual([0]);
    expect([bench.stats.total, bench.letters]).toEqual([0, []]);
    expect(bench.leftovers).toEqual({ ...NOTHING, active: 0, retrying: 0 });
    expect(client.listeners.size).toBe(0);
  });

  it('that left while the first attempt failed gets no second', async () => {
    const bench = new LaneBench(lane, { retry: immediate });
    const client = new Client();
    const seen = call(bench.play(fails(DOWN, 100), gives('never')), client);
    await bench.clock.advance(50);

    client.leave();
    await bench.clock.advance('1h');

    expect(seen).toEqual([GONE]);
    expect(bench.starts).toEqual([0]);
  });

  it('leaves a call alone that was promised to be kept: only its attempts are told', async () => {
    const bench = new LaneBench(lane, { retry: { baseDelay: 100, jitter: 'none' } }, { attemptIndex: 0 });
    const client = new Client(false);
    const seen = call(bench.play(fails(DOWN, 100), gives('kept')), client);
    const { signal } = attemptsIn(bench, 0)[0]!;
    await bench.clock.advance(50);

    client.leave();
    await bench.clock.advance('1h');

    expect(signal).toMatchObject({ aborted: true, reason: GONE });
    expect(seen).toEqual(['kept', 'end']);
    expect(bench.stats).toMatchObject({ successfulWithRetry: 1 });
  });
});
