import { AsyncLocalStorage } from 'node:async_hooks';

import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { defer, lastValueFrom, Observable, of, range, Subject, take, throwError, toArray } from 'rxjs';

import type { FailedCall } from '../engine/dead-letter-sink.js';
import { Pipeline } from '../engine/pipeline.js';
import { createPolicyContext, type PolicyContext } from '../engine/policy-context.js';
import { createPolicy } from '../policy/create-policy.js';
import { type PolicyOptions, readPolicyOptions } from '../policy/policy.options.js';
import { PolicyRegistry } from '../policy/policy-registry.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';
import { settle } from '../testing/settle.js';
import { readCoalesceOptions } from './coalesce.options.js';
import type { CoalescePolicy } from './coalesce.policy.js';

let clock: FakeClock;
let events: RecordingEvents;
let context: PolicyContext;
let registry: PolicyRegistry;
let letters: FailedCall[];
const warn = jest.fn<(message: string) => void>();

beforeEach(() => {
  clock = new FakeClock();
  events = new RecordingEvents();
  context = createPolicyContext({ clock, events, random: () => 0 });
  letters = [];
  warn.mockReset();
  const store = async (call: FailedCall) => `entry ${letters.push(call)}`;
  registry = new PolicyRegistry({ context, warn, deadLetters: () => ({ store }) });
});

/** A method of a service under these policies. */
function method<A extends unknown[], R>(run: (...args: A) => R, policies: PolicyOptions = { coalesce: true }) {
  const parts = registry.build('Catalog.find', readPolicyOptions(policies, 'spec'), { attemptIndex: -1 });
  const pipelines = { promise: new Pipeline(parts, 'promise'), observable: new Pipeline(parts, 'observable') };
  const call =
    (kind: keyof typeof pipelines) =>
    (...args: A): R =>
      pipelines[kind].invoke(run, undefined, args) as R;
  const { running } = parts.coalesce as CoalescePolicy;
  return Object.assign(call('promise'), { observable: call('observable'), parts, running });
}

/** A promise that the test settles. */
function open<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

const down = (message = 'down'): Error => Object.assign(new Error(message), { status: 503 });
const caught = (promise: unknown): Promise<unknown> => Promise.resolve(promise).catch((error: unknown) => error);
const itemsOf = <T>(source: Observable<T>): Promise<T[]> => lastValueFrom(source.pipe(toArray()));
const immediate = { maxRetries: 2, strategy: 'immediate' } as const;

describe('the options of @Coalesce', () => {
  it('have no defaults', () => {
    expect(readCoalesceOptions(undefined, 'p')).toEqual({ key: undefined });
  });
});

describe('calls with one key', () => {
  it('that come while one of them runs share it', async () => {
    const answer = open<object>();
    const load = jest.fn(async (_id: number) => answer.promise);
    const find = method(load);

    const calls = [find(1), find(1), find(1)];
    await settle();
    answer.resolve({});

    const [first, ...others] = await Promise.all(calls);
    expect(others).toEqual([first, first]);
    expect(others[0]).toBe(first);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('that come after it ended run anew', async () => {
    const load = jest.fn(async (id: number) => id);
    const find = method(load);

    await find(1);
    await find(1);

    expect(load).toHaveBeenCalledTimes(2);
    expect(find.running.byKey.size).toBe(0);
  });

  it('do not share with those of another key', async () => {
    const load = jest.fn(async (id: number) => id);
    const find = method(load);

    expect(await Promise.all([find(1), find(2)])).toEqual([1, 2]);

    expect(load).toHaveBeenCalledTimes(2);
  });

  it('share a failure, as the same object', async () => {
    const failure = down();
    const load = jest.fn(async () => Promise.reject(failure));
    const find = method(load);

    expect(await Promise.all([caught(find()), caught(find())])).toEqual([failure, failure]);

    expect(load).toHaveBeenCalledTimes(1);
  });

  it('share its retries', async () => {
    const answers = [down, down];
    const load = jest.fn(async () => {
      const failure = answers.shift();
      if (failure !== undefined) throw failure();
      return 'a';
    });
    const find = method(load, { coalesce: true, retry: immediate });

    expect(await Promise.all([find(), find()])).toEqual(['a', 'a']);

    expect(load).toHaveBeenCalledTimes(3);
  });

  it('share the total timeout of the one that began', async () => {
    const find = method(async () => new Promise(() => undefined), {
      coalesce: true,
      timeout: { each: Infinity, total: '10s' },
    });
    const first = caught(find());
    await clock.advance('6s');

    const second = caught(find());
    await clock.advance('4s');

    expect([await first, await second]).toEqual([
      expect.objectContaining({ code: 'RESILIENCE_TIMEOUT', scope: 'total' }),
      expect.objectContaining({ code: 'RESILIENCE_TIMEOUT', scope: 'total' }),
    ]);
    expect(clock.pending).toBe(0);
  });

  it('may begin while others hear of the end: that is a new call', async () => {
    const load = jest.fn((id: number) => of(id));
    const find = method(load);
    const again = new Promise((resolve) => {
      find.observable(1).subscribe({ complete: () => resolve(find(1)) });
    });

    await again;

    expect(load).toHaveBeenCalledTimes(2);
  });
});

describe('the key', () => {
  it("may be the user's own", async () => {
    const load = jest.fn(async (user: { id: number; visit: () => void }) => user.id);
    const find = method(load, { coalesce: { key: ({ id }: { id: number }) => String(id) } });

    await Promise.all([find({ id: 1, visit: () => undefined }), find({ id: 1, visit: () => undefined })]);

    expect(load).toHaveBeenCalledTimes(1);
  });

  it('that cannot be made lets the call run alone, with one warning', async () => {
    const load = jest.fn(async (_visit: () => void) => 'a');
    const find = method(load);

    expect(await Promise.all([find(() => undefined), find(() => undefined)])).toEqual(['a', 'a']);

    expect(load).toHaveBeenCalledTimes(2);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^Catalog\.find > @Coalesce: a call was not shared, because/)],
    ]);
  });

  it('that throws fails the call', async () => {
    const find = method(async (_user?: object) => 'a', { coalesce: { key: (user: { id: string }) => user.id.trim() } });

    await expect(find()).rejects.toThrow(TypeError);
  });

  it('is asked of a policy for functions, which come without arguments', async () => {
    expect(() => createPolicy({ name: 'rates', coalesce: true })).toThrow(/rates > coalesce > key: got undefined/);
    const policy = createPolicy({ coalesce: { key: () => 'rates' } });

    expect(await Promise.all([policy.execute(async () => 1), policy.execute(async () => 2)])).toEqual([1, 1]);
  });
});

describe('a caller that leaves', () => {
  it('only leaves: the others get their answer', async () => {
    const answer = open<string>();
    const load = jest.fn(async (_id: number, _options: { signal: AbortSignal }) => answer.promise);
    const find = method(load);
    const callers = [new AbortController(), new AbortController()];
    const calls = callers.map(({ signal }) => caught(find(1, { signal })));
    await settle();

    callers[0]!.abort(new Error('no time'));
    expect(await calls[0]).toEqual(new Error('no time'));
    answer.resolve('a');

    expect(await calls[1]).toBe('a');
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('does not abort the signal that the method was given, although it was its own', async () => {
    const signals: AbortSignal[] = [];
    const find = method(async (id: number, { signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      return new Promise<string>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        clock.setTimer(() => resolve(`item ${id}`), 1000);
      });
    });
    const callers = [new AbortController(), new AbortController()];
    const calls = callers.map(({ signal }) => caught(find(1, { signal })));
    await settle();

    callers[0]!.abort();
    await clock.advance('1s');

    expect(await calls[1]).toBe('item 1');
    expect(signals).toHaveLength(1);
    expect(signals[0]!.aborted).toBe(false);
  });

  it('as the last one ends the shared call, and frees the key', async () => {
    const reasons: unknown[] = [];
    const find = method(async (signal: AbortSignal) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return new Promise(() => undefined);
    });
    const callers = [new AbortController(), new AbortController()];
    const calls = callers.map(({ signal }) => caught(find(signal)));
    await settle();

    callers[0]!.abort('first');
    expect(reasons).toEqual([]);
    callers[1]!.abort('last');

    expect(await Promise.all(calls)).toEqual(['first', 'last']);
    expect(reasons).toEqual(['last']);
    expect(find.running.byKey.size).toBe(0);
  });

  it('as the last one of an Observable unsubscribes its source', () => {
    let unsubscribed = 0;
    const find = method(() => new Observable(() => () => void unsubscribed++));
    const subscriptions = [find.observable().subscribe(), find.observable().subscribe()];

    subscriptions[0]!.unsubscribe();
    expect(unsubscribed).toBe(0);
    subscriptions[1]!.unsubscribe();

    expect(unsubscribed).toBe(1);
    expect(find.running.byKey.size).toBe(0);
  });

  it('while everything is emitted at once is noticed', async () => {
    const find = method(() => range(0, Infinity));

    expect(await itemsOf(find.observable().pipe(take(2)))).toEqual([0, 1]);
    expect(find.running.byKey.size).toBe(0);
  });
});

describe('an Observable', () => {
  it('shows everybody all of its items, late ones those that they missed first', async () => {
    const source = new Subject<number>();
    let subscriptions = 0;
    const find = method(() => defer(() => (subscriptions++, source)));
    const seen: number[][] = [[], []];

    find.observable().subscribe((item) => seen[0]!.push(item));
    source.next(1);
    source.next(2);
    find.observable().subscribe((item) => seen[1]!.push(item));
    source.next(3);

    expect(seen).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(subscriptions).toBe(1);
  });

  it.each([
    [1000, 1],
    [1001, 2],
  ])('after %d items: a newcomer makes it %d running calls', (emitted, calls) => {
    let subscriptions = 0;
    const source = new Subject<number>();
    const find = method(() => defer(() => (subscriptions++, source)));
    const seen: number[] = [];
    const first = find.observable().subscribe();
    for (let item = 0; item < emitted; item++) source.next(item);

    const second = find.observable().subscribe((item) => seen.push(item));
    source.next(-1);

    expect(subscriptions).toBe(calls);
    expect(seen).toHaveLength(calls === 1 ? 1001 : 1);
    // The older call that ends does not take the newer one's place away.
    first.unsubscribe();
    expect(find.running.byKey.size).toBe(calls - 1);
    second.unsubscribe();
    expect(find.running.byKey.size).toBe(0);
  });

  it('that ends at once serves its one caller', async () => {
    const find = method(() => of(1, 2));

    expect(await itemsOf(find.observable())).toEqual([1, 2]);
    expect(find.running.byKey.size).toBe(0);
  });
});

describe('what is said of the attempts', () => {
  it('counts them for the caller that began, and none for those who joined', async () => {
    const load = jest.fn(async () => 'a');
    const find = method(load);

    await Promise.all([find(), find(), find()]);

    expect(find.parts.stats.attempts).toBe(1);
    expect(find.parts.stats.snapshot()).toMatchObject({ total: 3, successful: 3 });
  });

  it('tells of a recovery once, for the caller that began', async () => {
    const answers = [down];
    const load = jest.fn(async () => {
      const failure = answers.shift();
      if (failure !== undefined) throw failure();
      return 'a';
    });
    const find = method(load, { coalesce: true, retry: immediate });

    await Promise.all([find(), find()]);

    expect(events.of('resilience.retry.recovered')).toHaveLength(1);
    expect(find.parts.stats).toMatchObject({ successfulWithRetry: 1, successfulWithoutRetry: 1, attempts: 2 });
  });

  it('counts them for who is there at the end when the one that began has left', async () => {
    const answer = open<string>();
    const find = method(async (_options: { signal: AbortSignal }) => answer.promise);
    const leader = new AbortController();
    const first = caught(find({ signal: leader.signal }));
    const second = find({ signal: new AbortController().signal });
    await settle();

    leader.abort('gone');
    await first;
    expect(find.parts.stats.attempts).toBe(0);
    answer.resolve('a');
    await second;

    expect(find.parts.stats.attempts).toBe(1);
  });

  it('reaches every dead letter: all attempts with their errors', async () => {
    const find = method(async () => Promise.reject(down()), { coalesce: true, retry: immediate, deadLetter: true });

    await Promise.all([caught(find()), caught(find())]);

    expect(letters.map(({ attempts }) => attempts.map(({ number, error }) => [number, (error as Error).message]))).toEqual([
      [[1, 'down'], [2, 'down'], [3, 'down']],
      [[1, 'down'], [2, 'down'], [3, 'down']],
    ]); // prettier-ignore
    expect(new Set(letters.map(({ executionId }) => executionId)).size).toBe(2);
    expect(letters.every(({ firstFailedAt }) => firstFailedAt === clock.epochNow())).toBe(true);
  });

  it('reaches every fallback, which runs per caller', async () => {
    const rescue = jest.fn((...given: unknown[]) => given.at(-1));
    const find = method(async () => Promise.reject(down()), {
      coalesce: true,
      retry: immediate,
      fallback: rescue as never,
    });

    const contexts = await Promise.all([find(), find()]);

    expect(contexts).toEqual([
      { error: down(), attempts: 3, level: 1, errors: [down()] },
      { error: down(), attempts: 3, level: 1, errors: [down()] },
    ]);
  });

  it('does not keep a retry from being counted as in flight no longer', async () => {
    const find = method(async () => Promise.reject(down()), { coalesce: true, retry: immediate });

    await Promise.all([caught(find()), caught(find())]);

    expect([...registry.states.retry.values()]).toMatchObject([{ active: 0, retrying: 0 }]);
  });
});

describe('the arguments that the method gets', () => {
  it('are those of the caller that began', async () => {
    const load = jest.fn(async (_id: string, _by: string) => 'a');
    const find = method(load, { coalesce: { key: (id: string) => id } });

    await Promise.all([find('x', 'first'), find('x', 'second')]);

    expect(load.mock.calls).toEqual([['x', 'first']]);
  });

  it('are left as they are where no signal is among them', async () => {
    const options = { page: 1 };
    const load = jest.fn(async (given: object) => given);
    const find = method(load);

    expect(await find(options)).toBe(options);
  });
});

describe('events', () => {
  it('tell who joined, and the how-manieth it was', async () => {
    const find = method(async () => 'a');

    await Promise.all([find(), find(), find()]);

    expect(events.of('resilience.coalesce.joined')).toEqual([
      { policy: 'Catalog.find', executionId: expect.any(String), followers: 1 },
      { policy: 'Catalog.find', executionId: expect.any(String), followers: 2 },
    ]);
    expect(find.running.joined).toBe(2);
  });

  it('are not built when nobody listens', async () => {
    const listens = jest.fn((_name: string) => false);
    const emit = jest.fn();
    context = createPolicyContext({ clock, events: { listens, emit } });
    registry = new PolicyRegistry({ context, deadLetters: () => ({ store: async () => 'id' }) });
    const find = method(async () => 'a');

    await Promise.all([find(), find()]);

    expect(listens).toHaveBeenCalledWith('resilience.coalesce.joined');
    expect(emit).not.toHaveBeenCalled();
  });
});

it('everybody is told in the async context of their own', async () => {
  const user = new AsyncLocalStorage<string>();
  const source = new Subject<number>();
  const shared = method(() => source);
  const seen: unknown[] = [];
  const look = (): void => void seen.push(user.getStore());

  for (const name of ['anna', 'ben'])
    user.run(name, () => shared.observable().subscribe({ next: () => look(), complete: () => look() }));
  user.run('source', () => {
    source.next(1);
    source.complete();
  });

  expect(seen).toEqual(['anna', 'ben', 'anna', 'ben']);
});

it('a call that fails for everybody can be rescued for each by a cache around it', async () => {
  let healthy = true;
  const load = jest.fn(() => (healthy ? of('a') : throwError(() => down())));
  const find = method(load, { coalesce: true, cache: { ttl: '10s', staleIfError: '1m' } });
  await itemsOf(find.observable());
  healthy = false;
  await clock.advance('10s');

  expect(await Promise.all([itemsOf(find.observable()), itemsOf(find.observable())])).toEqual([['a'], ['a']]);
});
