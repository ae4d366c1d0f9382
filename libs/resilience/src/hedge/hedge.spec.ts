import { AsyncLocalStorage } from 'node:async_hooks';

import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  concat,
  defer,
  EMPTY,
  map,
  mergeMap,
  NEVER,
  type Observable,
  of,
  range,
  take,
  tap,
  throwError,
  timer,
} from 'rxjs';

import { CallStats } from '../engine/call-stats.js';
import { Execution } from '../engine/execution.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import { createPolicyContext, type PolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';
import { DEFAULT_HEDGE_OPTIONS, type HedgeOptions, readHedgeOptions } from './hedge.options.js';
import { HedgePolicy } from './hedge.policy.js';
import { HedgeRecord } from './hedge-record.js';

let clock: FakeClock;
let events: RecordingEvents;
let context: PolicyContext;
let execution: Execution;
let record: HedgeRecord;

beforeEach(() => {
  clock = new FakeClock();
  events = new RecordingEvents();
  context = createPolicyContext({ clock, events });
  execution = executionWith();
  record = new HedgeRecord('Orders.find');
});

function executionWith(signal?: AbortSignal): Execution {
  const parts: Partial<PipelineParts> = { name: 'Orders.find', context, stats: new CallStats() };
  return new Execution(parts as PipelineParts, undefined, [], clock.now(), signal);
}

function hedgePolicy(options: HedgeOptions | number | string): HedgePolicy {
  return new HedgePolicy(readHedgeOptions(options, 'p'), context, record);
}

const after = (ms: number): Observable<unknown> => defer(() => timer(ms, context.scheduler));
const answer = (value: string, ms: number): Observable<string> => after(ms).pipe(map(() => value));
const failure = (message: string, ms: number): Observable<never> =>
  after(ms).pipe(mergeMap(() => throwError(() => new Error(message))));
const emptyEnd = (ms: number): Observable<never> => after(ms).pipe(mergeMap(() => EMPTY));

interface Race {
  readonly seen: unknown[];
  /** When each attempt was started. */
  readonly starts: number[];
  /** Attempts that were unsubscribed from before their end, and when. */
  readonly cancelled: (readonly [attempt: number, at: number])[];
  unsubscribe(): void;
}

/** Runs the operator around attempts of which the n-th subscription is `attempts[n]`; the last one repeats. */
function race(policy: HedgePolicy, ...attempts: Observable<unknown>[]): Race {
  const seen: unknown[] = [];
  const starts: number[] = [];
  const cancelled: (readonly [number, number])[] = [];
  const source = defer(() => {
    const { number } = execution.begin(clock.now());
    starts.push(clock.now());
    const attempt = attempts[Math.min(starts.length, attempts.length) - 1]!;
    return attempt.pipe(tap({ unsubscribe: () => void cancelled.push([number, clock.now()]) }));
  });
  const subscription = source.pipe(policy.operator(execution)).subscribe({
    next: (value) => seen.push(value),
    error: (error: Error) => seen.push(`${error.message} at ${clock.now()}`),
    complete: () => seen.push(`end at ${clock.now()}`),
  });
  return { seen, starts, cancelled, unsubscribe: () => subscription.unsubscribe() };
}

describe('the options of @Hedge', () => {
  it('have these defaults', () => {
    expect(DEFAULT_HEDGE_OPTIONS).toEqual({ maxHedges: 1 });
    expect(readHedgeOptions({ delay: '1s' }, 'p')).toEqual({ delay: 1000, percentile: undefined, maxHedges: 1 });
  });

  it.each([200, '200ms'])('may be just the delay: %p', (delay) => {
    expect(readHedgeOptions(delay, 'p').delay).toBe(200);
  });

  it('may be a percentile alone, or both', () => {
    expect(readHedgeOptions({ percentile: 0.95 }, 'p')).toMatchObject({ delay: undefined, percentile: 0.95 });
    expect(readHedgeOptions({ percentile: 0.95, delay: 5 }, 'p')).toMatchObject({ delay: 5, percentile: 0.95 });
  });
});

describe('The delay of a hedge', () => {
  const answered = (policy: HedgePolicy, times: number, ms: number): void => {
    for (let call = 0; call < times; call++) policy.measured(ms);
  };

  it('is the one given', () => {
    const policy = hedgePolicy(200);
    answered(policy, 100, 5);

    expect(policy.delayMs()).toBe(200);
  });

  it('is infinite until 20 calls were answered, then their percentile', () => {
    const policy = hedgePolicy({ percentile: 0.95 });

    answered(policy, 19, 30);
    expect(policy.delayMs()).toBe(Infinity);
    answered(policy, 1, 30);

    expect(policy.delayMs()).toBe(30);
  });

  it('is the one given until 20 calls were answered, then their percentile', () => {
    const policy = hedgePolicy({ percentile: 0.95, delay: '1s' });

    answered(policy, 19, 30);
    expect(policy.delayMs()).toBe(1000);
    answered(policy, 1, 30);

    expect(policy.delayMs()).toBe(30);
  });

  it('is learnt together by policies of one name', () => {
    answered(hedgePolicy({ percentile: 0.95 }), 20, 30);

    expect(hedgePolicy({ percentile: 0.95 }).delayMs()).toBe(30);
  });
});

describe('A hedged call', () => {
  it('is one attempt when that answers in time', async () => {
    const { seen, starts, cancelled } = race(hedgePolicy(100), answer('first', 99));

    await clock.advance('1s');

    expect(seen).toEqual(['first', 'end at 99']);
    expect(starts).toEqual([0]);
    expect(cancelled).toEqual([]);
    expect(events.names).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('is joined by a second attempt after the delay, whose answer may come first', async () => {
    const { seen, starts, cancelled } = race(hedgePolicy(100), answer('first', 500), answer('second', 50));

    await clock.advance('1s');

    expect(seen).toEqual(['second', 'end at 150']);
    expect(starts).toEqual([0, 100]);
    expect(cancelled).toEqual([[1, 150]]);
    expect(clock.pending).toBe(0);
  });

  it('is answered by the first attempt if that is still faster', async () => {
    const { seen, cancelled } = race(hedgePolicy(100), answer('first', 120), answer('second', 50));

    await clock.advance('1s');

    expect(seen).toEqual(['first', 'end at 120']);
    expect(cancelled).toEqual([[2, 120]]);
    expect(events.names).toEqual(['resilience.hedge.started']);
    expect(record).toMatchObject({ started: 1, won: 0 });
  });

  it('is joined by as many as allowed, each after another delay', async () => {
    const { starts, cancelled, seen } = race(hedgePolicy({ delay: 100, maxHedges: 3 }), NEVER, NEVER, answer('third', 150)); // prettier-ignore

    await clock.advance('1s');

    expect(starts).toEqual([0, 100, 200, 300]);
    expect(seen).toEqual(['third', 'end at 350']);
    expect(cancelled).toEqual([
      [1, 350],
      [2, 350],
      [4, 350],
    ]);
  });

  it('starts all attempts at once without a delay', async () => {
    const { starts, seen } = race(hedgePolicy({ delay: 0, maxHedges: 2 }), answer('a', 30), answer('b', 10), answer('c', 20)); // prettier-ignore

    await clock.advance('1s');

    expect(starts).toEqual([0, 0, 0]);
    expect(seen).toEqual(['b', 'end at 10']);
  });

  it('mirrors the winner to its end, however long that takes', async () => {
    const winner = concat(answer('a', 10), answer('b', 5000), failure('broken', 10));
    const { seen, starts } = race(hedgePolicy({ delay: 100, maxHedges: 5 }), winner);

    await clock.advance('1m');

    expect(seen).toEqual(['a', 'b', 'broken at 5020']);
    expect(starts).toEqual([0]);
  });

  it('is won by an attempt that ends without an item', async () => {
    const { seen, cancelled } = race(hedgePolicy(100), answer('late', 500), emptyEnd(20));

    await clock.advance('1s');

    expect(seen).toEqual(['end at 120']);
    expect(cancelled).toEqual([[1, 120]]);
  });

  it('lets others go on when one of them fails', async () => {
    const { seen, starts, cancelled } = race(hedgePolicy(100), answer('first', 500), failure('refused', 0));

    await clock.advance('1s');

    expect(seen).toEqual(['first', 'end at 500']);
    expect(starts).toEqual([0, 100]);
    expect(cancelled).toEqual([]);
  });

  it('drops a hedge that is refused on the spot, and starts the next one all the same', async () => {
    const refused = throwError(() => new Error('open'));
    const { seen, starts } = race(hedgePolicy({ delay: 100, maxHedges: 2 }), NEVER, refused, answer('third', 1));

    await clock.advance('1s');

    expect(seen).toEqual(['third', 'end at 201']);
    expect(starts).toEqual([0, 100, 200]);
  });

  it('fails with the error of the last that runs, and starts nothing any more', async () => {
    const { seen, starts } = race(hedgePolicy({ delay: 100, maxHedges: 5 }), failure('first', 180), failure('second', 60)); // prettier-ignore

    await clock.advance('1s');

    expect(seen).toEqual(['first at 180']);
    expect(starts).toEqual([0, 100]);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['later', failure('boom', 50), 'boom at 50'],
    ['at once', throwError(() => new Error('boom')), 'boom at 0'],
  ])('leaves a first attempt that fails %s to the retries', async (_when, attempt, expected) => {
    const { seen, starts } = race(hedgePolicy(100), attempt);

    await clock.advance('1s');

    expect(seen).toEqual([expected]);
    expect(starts).toEqual([0]);
    expect(clock.pending).toBe(0);
  });

  it('is over at once when its first attempt answers at once', () => {
    const { seen } = race(hedgePolicy({ percentile: 0.5, delay: 100 }), of('now'));

    expect(seen).toEqual(['now', 'end at 0']);
    expect(clock.pending).toBe(0);
  });

  it('takes no more than its consumer wants of an attempt that never stops emitting', () => {
    const seen: number[] = [];
    const endless = range(0, Infinity);

    endless.pipe(hedgePolicy(100).operator<number>(execution), take(3)).subscribe((value) => seen.push(value));

    expect(seen).toEqual([0, 1, 2]);
    expect(clock.pending).toBe(0);
  });

  it('cancels every attempt and its timer when the consumer leaves', async () => {
    const { cancelled, starts, unsubscribe } = race(hedgePolicy({ delay: 100, maxHedges: 3 }), NEVER);
    await clock.advance(150);

    unsubscribe();
    await clock.advance('1s');

    expect(cancelled).toEqual([
      [1, 150],
      [2, 150],
    ]);
    expect(starts).toEqual([0, 100]);
    expect(clock.pending).toBe(0);
  });

  it('is not hedged while too little is known', async () => {
    const { starts } = race(hedgePolicy({ percentile: 0.95 }), answer('slow', 5000));

    await clock.advance('1m');

    expect(starts).toEqual([0]);
  });

  it.each<[string, (aborter: AbortController) => void]>([
    ['the caller has aborted', (aborter) => aborter.abort()],
    ['the process shuts down', () => context.shutdown.begin()],
    ['something was emitted', () => (execution.emitted = true)],
    ['the method was not reached', () => (execution.bypassed = true)],
  ])('is not hedged once %s', async (_what, happen) => {
    const aborter = new AbortController();
    execution = executionWith(aborter.signal);
    const { starts } = race(hedgePolicy({ delay: 100, maxHedges: 3 }), NEVER);

    happen(aborter);
    await clock.advance('1s');

    expect(starts).toEqual([0]);
    expect(clock.pending).toBe(0);
    expect(events.names).toEqual([]);
  });

  it('runs its hedges in the async context of the caller', async () => {
    const tenant = new AsyncLocalStorage<string>();
    const tenants: unknown[] = [];
    const source = defer(() => {
      tenants.push(tenant.getStore());
      return NEVER;
    });

    tenant.run('acme', () => source.pipe(hedgePolicy({ delay: 100, maxHedges: 2 }).operator(execution)).subscribe());
    await tenant.run('other', () => clock.advance('1s'));

    expect(tenants).toEqual(['acme', 'acme', 'acme']);
  });
});

describe('What is measured', () => {
  const measuredBy = async (...attempts: Observable<unknown>[]): Promise<number[]> => {
    const policy = hedgePolicy({ delay: 100, maxHedges: 1 });
    const measured: number[] = [];
    policy.measured = (durationMs) => void measured.push(durationMs);
    race(policy, ...attempts);
    await clock.advance('1m');
    return measured;
  };

  it('is the time until the first item', async () => {
    expect(await measuredBy(concat(answer('a', 20), answer('b', 5000)))).toEqual([20]);
  });

  it('of a hedge that won includes the delay before it, or percentiles would sink with every hedge', async () => {
    expect(await measuredBy(NEVER, answer('second', 20))).toEqual([120]);
  });

  it('is nothing when all fail', async () => {
    expect(await measuredBy(failure('a', 20))).toEqual([]);
  });

  it('keeps the share of hedged calls near what the percentile says', async () => {
    const policy = hedgePolicy({ percentile: 0.9 });
    let attempt = 0;
    const calls = 1000;

    for (let call = 0; call < calls; call++) {
      execution = executionWith();
      // Durations of 1 to 100 ms, in an order without a pattern.
      race(
        policy,
        defer(() => answer('ok', ((++attempt * 37) % 100) + 1)),
      );
      await clock.advance(200);
    }

    expect(record.started / calls).toBeGreaterThan(0.05);
    expect(record.started / calls).toBeLessThan(0.15);
  });
});

describe('The events of a hedge', () => {
  it('tell of each start, and of a winner that was not the first', async () => {
    race(hedgePolicy({ delay: 100, maxHedges: 2 }), NEVER, NEVER, answer('third', 10));

    await clock.advance('1s');

    const common = { policy: 'Orders.find', executionId: execution.id };
    expect(events.all).toEqual([
      { name: 'resilience.hedge.started', payload: { ...common, hedge: 1 } },
      { name: 'resilience.hedge.started', payload: { ...common, hedge: 2 } },
      { name: 'resilience.hedge.won', payload: { ...common, attempt: 3 } },
    ]);
    expect(record).toMatchObject({ started: 2, won: 1 });
  });

  it('count attempts over the whole call', async () => {
    execution.begin(clock.now());
    race(hedgePolicy(100), NEVER, answer('third', 10));

    await clock.advance('1s');

    expect(events.of('resilience.hedge.won')).toMatchObject([{ attempt: 3 }]);
  });

  it('are not built when nobody listens', async () => {
    const refuse = (): never => {
      throw new Error('nobody asked');
    };
    context = createPolicyContext({ clock, events: { listens: () => false, emit: refuse } });
    execution = executionWith();
    race(hedgePolicy(100), NEVER, answer('second', 10));

    await clock.advance('1s');

    expect(record).toMatchObject({ started: 1, won: 1 });
  });
});
