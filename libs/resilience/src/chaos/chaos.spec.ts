import { AsyncLocalStorage } from 'node:async_hooks';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { concat, NEVER, Observable, of } from 'rxjs';

import { ResilienceOptionsError } from '../engine/errors.js';
import { createPolicyContext, type PolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';
import { seededRandom } from '../testing/seeded-random.js';
import { chaosNotice } from './chaos-notice.js';
import { type ChaosOptions, DEFAULT_CHAOS_OPTIONS, readChaosOptions } from './chaos.options.js';
import { ChaosPolicy } from './chaos.policy.js';
import { ChaosRecord } from './chaos-record.js';

const down = new Error('down');

let clock: FakeClock;
let events: RecordingEvents;
let context: PolicyContext;
let record: ChaosRecord;

beforeEach(() => {
  clock = new FakeClock();
  events = new RecordingEvents();
  context = createPolicyContext({ clock, events, random: seededRandom() });
  record = new ChaosRecord('Orders.find');
});

function chaos(options: ChaosOptions): ChaosPolicy {
  return new ChaosPolicy(readChaosOptions(options, 'p'), context, 'Orders.find', record);
}

/** Whether a call through the policy reached the method. */
function reaches(policy: ChaosPolicy): boolean {
  let reached = false;
  policy.around('Orders.find', () => (reached = true));
  return reached;
}

/** Calls out of a thousand that did not reach the method. */
function disturbedOfThousand(policy: ChaosPolicy): number {
  return Array.from({ length: 1000 }, () => reaches(policy)).filter((reached) => !reached).length;
}

describe('the options of @Chaos', () => {
  it('have these defaults', () => {
    expect(DEFAULT_CHAOS_OPTIONS).toEqual({ enabled: true });
    expect(readChaosOptions({ rate: 0.1, latency: '1s' }, 'p')).toEqual({
      rate: 0.1,
      disturbance: { kind: 'latency', min: 1000, max: 1000 },
      enabled: true,
      until: undefined,
      name: undefined,
    });
  });

  it.each<[ChaosOptions['until'], string]>([
    ['2026-12-31', '2026-12-31T00:00:00.000Z'],
    ['2026-12-31T18:00:00+02:00', '2026-12-31T16:00:00.000Z'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
  ])('may end at %p', (until, expected) => {
    const resolved = readChaosOptions({ rate: 1, result: 1, ...(until !== undefined && { until }) }, 'p');

    expect(new Date(resolved.until!).toISOString()).toBe(expected);
  });

  it('may answer with undefined', () => {
    expect(chaos({ rate: 1, result: undefined }).around('p', () => 'real')).toBeUndefined();
  });
});

describe('Whether chaos strikes', () => {
  it('is a matter of the rate', () => {
    expect(disturbedOfThousand(chaos({ rate: 0, result: 0 }))).toBe(0);
    expect(disturbedOfThousand(chaos({ rate: 1, result: 0 }))).toBe(1000);
    expect(Math.abs(disturbedOfThousand(chaos({ rate: 0.1, result: 0 })) - 100)).toBeLessThan(30);
  });

  it.each([
    [0.0999, false],
    [0.1, true],
  ])('is decided by the injected chance: %d reaches the method at rate 0.1: %p', (drawn, reached) => {
    context = createPolicyContext({ clock, random: () => drawn });

    expect(reaches(chaos({ rate: 0.1, result: 0 }))).toBe(reached);
  });

  it('can be switched while running', () => {
    let enabled = false;
    const policy = chaos({ rate: 1, result: 0, enabled: () => enabled });

    expect(reaches(policy)).toBe(true);
    enabled = true;

    expect(reaches(policy)).toBe(false);
  });

  it('ends with its date', async () => {
    const policy = chaos({ rate: 1, result: 0, until: new Date(clock.epochNow() + 60_000) });

    await clock.advance(59_999);
    expect(reaches(policy)).toBe(false);
    await clock.advance(1);

    expect(reaches(policy)).toBe(true);
  });
});

describe('A fault', () => {
  it('is thrown instead of calling the method', () => {
    let called = false;

    expect(() => chaos({ rate: 1, fault: down }).around('p', () => (called = true))).toThrow(down);

    expect(called).toBe(false);
  });

  it('is made anew for each attempt by a function', () => {
    let made = 0;
    const policy = chaos({ rate: 1, fault: () => new RangeError(`number ${++made}`) });

    expect(() => policy.around('p', () => 0)).toThrow('number 1');
    expect(() => policy.around('p', () => 0)).toThrow('number 2');
  });
});

describe('A result', () => {
  it.each<[string, unknown, unknown]>([
    ['a value', { stale: true }, { stale: true }],
    ['a function of it', () => 'made', 'made'],
  ])('is answered instead of calling the method: %s', (_what, result, expected) => {
    let called = false;

    expect(chaos({ rate: 1, result }).around('p', () => (called = true))).toEqual(expected);

    expect(called).toBe(false);
  });
});

describe('Latency', () => {
  const slow = (answer: unknown, latency: ChaosOptions['latency'] = 100): unknown =>
    chaos({ rate: 1, ...(latency !== undefined && { latency }) }).around('Orders.find', () => answer);
  const later = (ms: number): Promise<string> => new Promise((resolve) => clock.setTimer(() => resolve('real'), ms));
  /** How and when it ended. */
  const ending = (answer: Promise<unknown>): Promise<unknown[]> =>
    answer.then(
      (value) => [value, clock.now()],
      (error: Error) => [error.message, clock.now()],
    );

  it('comes on top of what a promise takes', async () => {
    const ended = ending(slow(later(30)) as Promise<unknown>);

    await clock.advance('1s');

    expect(await ended).toEqual(['real', 130]);
  });

  it('delays a rejection too', async () => {
    const ended = ending(slow(Promise.reject(down)) as Promise<unknown>);

    await clock.advance('1s');

    expect(await ended).toEqual(['down', 100]);
  });

  it('of a pair lies anywhere between', async () => {
    const times = Array.from({ length: 200 }, () =>
      ending(slow(Promise.resolve(1), ['50ms', 150]) as Promise<unknown>),
    );

    await clock.advance('1s');
    const latencies = (await Promise.all(times)).map(([, at]) => at as number);

    expect(Math.min(...latencies)).toBeGreaterThanOrEqual(50);
    expect(Math.min(...latencies)).toBeLessThan(60);
    expect(Math.max(...latencies)).toBeGreaterThan(140);
    expect(Math.max(...latencies)).toBeLessThan(150);
  });

  it('lets an Observable be subscribed to later', async () => {
    const seen: unknown[] = [];
    const source = new Observable<string>((subscriber) => {
      seen.push(`subscribed at ${clock.now()}`);
      subscriber.next('real');
      subscriber.complete();
    });

    (slow(source) as Observable<unknown>).subscribe({ next: (v) => seen.push(v), complete: () => seen.push('end') });
    await clock.advance('1s');

    expect(seen).toEqual(['subscribed at 100', 'real', 'end']);
  });

  it('of an Observable ends with its consumer', async () => {
    let unsubscribed = 0;
    const source = new Observable(() => () => void unsubscribed++);
    const early = (slow(source) as Observable<unknown>).subscribe();
    const late = (slow(source) as Observable<unknown>).subscribe();

    early.unsubscribe();
    await clock.advance(100);
    late.unsubscribe();

    expect(unsubscribed).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('holds back the first item of an async iterable, and only that', async () => {
    const seen: unknown[] = [];
    const items = slow(
      (async function* () {
        yield 'a';
        yield 'b';
      })(),
    ) as AsyncIterable<unknown>;

    const read = (async () => {
      for await (const item of items) seen.push([item, clock.now()]);
    })();
    await clock.advance('1s');
    await read;

    expect(seen).toEqual([
      ['a', 100],
      ['b', 100],
    ]);
  });

  it.each([
    ['after it', 150, 0],
    ['during it', 50, 0],
  ])('of an async iterable ends with its reader, who leaves %s', async (_when, leaveAt, pending) => {
    let returned = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: async () => {
          returned++;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const iterator = (slow(source) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    void iterator.next();
    await clock.advance(leaveAt);

    await iterator.return?.();

    expect(returned).toBe(1);
    expect(clock.pending).toBe(pending);
  });

  it('can be left although the source has no return', async () => {
    const source = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true as const, value: 0 }) }) };
    const iterator = (slow(source) as AsyncIterable<unknown>)[Symbol.asyncIterator]();

    await expect(iterator.return?.('left')).resolves.toEqual({ done: true, value: 'left' });
  });

  it('does nothing to what is there already, and is not counted then', () => {
    const list = [1, 2];

    expect(slow(list)).toBe(list);

    expect(events.names).toEqual([]);
    expect(record.latency).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('leaves the error of a synchronous method alone', () => {
    const policy = chaos({ rate: 1, latency: 100 });
    const fail = (): never => {
      throw down;
    };

    expect(() => policy.around('p', fail)).toThrow(down);
  });

  it('ends at once when the process shuts down', async () => {
    const ended = ending(slow(Promise.resolve('real'), '1h') as Promise<unknown>);
    await clock.advance(10);

    context.shutdown.begin();
    const after = ending(slow(Promise.resolve('real'), '1h') as Promise<unknown>);
    await clock.advance(0);

    expect(await Promise.all([ended, after])).toEqual([
      ['real', 10],
      ['real', 10],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('goes on in the async context of the caller', async () => {
    const tenant = new AsyncLocalStorage<string>();
    let seen: unknown;
    const source = new Observable(() => {
      seen = tenant.getStore();
    });

    tenant.run('acme', () => (slow(concat(source, NEVER)) as Observable<unknown>).subscribe());
    await tenant.run('other', () => clock.advance(100));

    expect(seen).toBe('acme');
  });
});

describe('What chaos tells', () => {
  it('is an event and a count for each disturbed attempt', async () => {
    expect(() => chaos({ rate: 1, fault: down }).around('Orders.find', () => 0)).toThrow();
    chaos({ rate: 1, result: 0 }).around('Orders.find', () => 0);
    chaos({ rate: 1, latency: 5 }).around('Orders.find', () => of(1));
    chaos({ rate: 0, result: 0 }).around('Orders.find', () => 0);

    expect(events.all.map(({ payload }) => payload)).toEqual([
      { policy: 'Orders.find', kind: 'fault' },
      { policy: 'Orders.find', kind: 'result' },
      { policy: 'Orders.find', kind: 'latency' },
    ]);
    expect(new Set(events.names)).toEqual(new Set(['resilience.chaos.injected']));
    expect(record).toMatchObject({ fault: 1, latency: 1, result: 1 });
  });

  it('is not built when nobody listens', () => {
    const emit = (): never => {
      throw new Error('nobody asked');
    };
    context = createPolicyContext({ clock, events: { listens: () => false, emit } });

    expect(chaos({ rate: 1, result: 7 }).around('p', () => 0)).toBe(7);
    expect(record.result).toBe(1);
  });

  it.each<[ChaosOptions, string]>([
    [{ rate: 0.1, latency: '1s' }, '10 % latency of 1000 ms'],
    [{ rate: 0.1, latency: [100, 500] }, '10 % latency of 100 to 500 ms'],
    [{ rate: 0.005, fault: down }, '0.5 % faults'],
    [{ rate: 1, result: null, enabled: () => true }, '100 % made-up results while its enabled() says so'],
    [{ rate: 1, fault: down, until: '2026-12-31' }, '100 % faults, until 2026-12-31T00:00:00.000Z'],
  ])('is, at boot, for %j: %s', (options, expected) => {
    expect(chaosNotice('Orders.find', readChaosOptions(options, 'p'))).toBe(`Chaos is on for Orders.find: ${expected}`);
  });
});

describe('In production', () => {
  const { NODE_ENV, NEST_RESILIENCE_CHAOS } = process.env;
  const restore = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };

  beforeEach(() => {
    process.env['NODE_ENV'] = 'production';
    delete process.env['NEST_RESILIENCE_CHAOS'];
  });

  afterEach(() => {
    restore('NODE_ENV', NODE_ENV);
    restore('NEST_RESILIENCE_CHAOS', NEST_RESILIENCE_CHAOS);
  });

  it('chaos does not build, and says how to allow it', () => {
    expect(() => chaos({ rate: 0.1, result: 0 })).toThrow(ResilienceOptionsError);
    expect(() => chaos({ rate: 0.1, result: 0 })).toThrow(
      /Orders\.find > chaos: got 'chaos where NODE_ENV is production', expected .*NEST_RESILIENCE_CHAOS=Orders\.find/,
    );
  });

  it.each(['Orders.find', 'Other.one, Orders.find', '*', ' * '])('chaos builds when allowed by %p', (allowed) => {
    process.env['NEST_RESILIENCE_CHAOS'] = allowed;

    expect(reaches(chaos({ rate: 1, result: 0 }))).toBe(false);
  });

  it.each(['', 'Orders', 'orders.find', 'Orders.find2', 'true'])('chaos does not build when told %p', (allowed) => {
    process.env['NEST_RESILIENCE_CHAOS'] = allowed;

    expect(() => chaos({ rate: 1, result: 0 })).toThrow(ResilienceOptionsError);
  });

  it('chaos with a name of its own is allowed by that name alone', () => {
    process.env['NEST_RESILIENCE_CHAOS'] = 'game-day';

    expect(reaches(chaos({ rate: 1, result: 0, name: 'game-day' }))).toBe(false);
    expect(() => chaos({ rate: 1, result: 0 })).toThrow(ResilienceOptionsError);
  });
});
