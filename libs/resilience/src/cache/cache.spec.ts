import { Readable } from 'node:stream';

import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { concat, defer, EMPTY, lastValueFrom, Observable, of, range, take, throwError, toArray } from 'rxjs';

import { Execution } from '../engine/execution.js';
import { Pipeline } from '../engine/pipeline.js';
import { createPolicyContext, type PolicyContext } from '../engine/policy-context.js';
import { createPolicy } from '../policy/create-policy.js';
import { type PolicyOptions, readPolicyOptions } from '../policy/policy.options.js';
import { PolicyRegistry } from '../policy/policy-registry.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';
import { type CacheOptions, DEFAULT_CACHE_OPTIONS, readCacheOptions } from './cache.options.js';
import type { CachePolicy } from './cache.policy.js';
import type { CachedResults } from './cached-results.js';

let clock: FakeClock;
let events: RecordingEvents;
let context: PolicyContext;
let registry: PolicyRegistry;
const warn = jest.fn<(message: string) => void>();

beforeEach(() => {
  clock = new FakeClock();
  events = new RecordingEvents();
  context = createPolicyContext({ clock, events, random: () => 0 });
  warn.mockReset();
  registry = new PolicyRegistry({ context, warn, deadLetters: () => ({ store: async () => 'id' }) });
});

/** A method of a service under these policies. */
function method<A extends unknown[], R>(run: (...args: A) => R, policies: PolicyOptions, name = 'Catalog.find') {
  const parts = registry.build(name, readPolicyOptions(policies, 'spec'), { attemptIndex: -1 });
  const pipelines = { promise: new Pipeline(parts, 'promise'), observable: new Pipeline(parts, 'observable') };
  const call =
    (kind: keyof typeof pipelines) =>
    (...args: A): R =>
      pipelines[kind].invoke(run, undefined, args) as R;
  const cache = parts.cache as CachePolicy;
  return Object.assign(call('promise'), { observable: call('observable'), parts, cache, results: cache.results });
}

const counters = ({ hits, misses, stale }: CachedResults) => ({ hits, misses, stale });
const down = (message = 'down'): Error => Object.assign(new Error(message), { status: 503 });
const itemsOf = <T>(source: Observable<T>): Promise<T[]> => lastValueFrom(source.pipe(toArray()));

describe('the options of @Cache', () => {
  it('have these defaults', () => {
    expect(DEFAULT_CACHE_OPTIONS).toEqual({ staleIfError: 0, maxEntries: 1000 });
    expect(readCacheOptions({ ttl: '1m' }, 'p')).toEqual({
      ttl: 60_000,
      staleIfError: 0,
      staleOn: undefined,
      key: undefined,
      maxEntries: 1000,
      cacheResult: undefined,
      name: undefined,
    });
  });

  it('may be a duration, short for { ttl }', () => {
    expect(readCacheOptions('5s', 'p')).toEqual(readCacheOptions({ ttl: 5000 }, 'p'));
    expect(readCacheOptions(5000, 'p')).toEqual(readCacheOptions({ ttl: 5000 }, 'p'));
  });

  it.each([undefined, {}])('need a ttl: %p has none', (options) => {
    expect(() => readCacheOptions(options as CacheOptions, 'Catalog.find > @Cache')).toThrow(
      /^One option is not usable:\n {2}- Catalog\.find > @Cache > ttl: got undefined, expected a duration >= 1/,
    );
  });

  it('refuse a staleOn that would do nothing', () => {
    expect(() => readCacheOptions({ ttl: 1, staleOn: Error }, 'p')).toThrow(/staleOn: .*nothing without staleIfError/);
  });

  it('name a misspelt one', () => {
    expect(() => readCacheOptions({ ttl: 1, staleIfErr: 5 } as CacheOptions, 'p')).toThrow(
      /did you mean 'staleIfError'/,
    );
  });
});

describe('a fresh result', () => {
  it('answers calls with the same arguments, without the method', async () => {
    const load = jest.fn(async (id: number, page?: { size: number; at: number }) => `${id}/${page?.size ?? 0}`);
    const find = method(load, { cache: '10s' });

    expect(await find(1, { size: 2, at: 3 })).toBe('1/2');
    expect(await find(1, { at: 3, size: 2 })).toBe('1/2');
    expect(await find(2)).toBe('2/0');

    expect(load).toHaveBeenCalledTimes(2);
    expect(counters(find.results)).toEqual({ hits: 1, misses: 2, stale: 0 });
  });

  it('is the very object that the method returned', async () => {
    const find = method(async () => ({ list: [1] }), { cache: '10s' });

    const first = await find();

    expect(await find()).toBe(first);
  });

  it('answers up to its ttl, counted from the moment it came', async () => {
    let value = 0;
    const find = method(() => new Promise((resolve) => void clock.setTimer(() => resolve(++value), 1000)), {
      cache: '10s',
    });
    const first = find();
    await clock.advance('1s');
    expect(await first).toBe(1);

    await clock.advance(9_999);
    expect(await find()).toBe(1);

    await clock.advance(1);
    const second = find();
    await clock.advance('1s');
    expect(await second).toBe(2);
  });

  it('counts as a successful call without an attempt', async () => {
    const find = method(async () => 'a', { cache: '10s' });

    await find();
    await find();

    expect(find.parts.stats.snapshot()).toMatchObject({ total: 2, successful: 2, averageAttempts: 0.5 });
  });

  it('costs no event', async () => {
    const find = method(async () => 'a', { cache: '10s' });

    await find();
    await find();

    expect(events.names).toEqual([]);
  });

  it('is not used by a redriven dead letter, which asks for the work to be done', async () => {
    const load = jest.fn(async () => 'a');
    const find = method(load, { cache: '10s' });
    await find();

    await new Pipeline(find.parts, 'promise').replay(load, undefined, []);

    expect(load).toHaveBeenCalledTimes(2);
  });
});

describe('what is kept', () => {
  it('are successes only', async () => {
    const find = method(async () => Promise.reject(down()), { cache: '10s' });

    await expect(find()).rejects.toThrow('down');
    await expect(find()).rejects.toThrow('down');

    expect(find.results.size).toBe(0);
    expect(counters(find.results)).toEqual({ hits: 0, misses: 2, stale: 0 });
  });

  it.each([null, false, 0, '', NaN])('is also %p', async (value) => {
    const load = jest.fn(async () => value);
    const find = method(load, { cache: '10s' });

    await find();

    expect(await find()).toBe(value);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('is everything but undefined', async () => {
    const load = jest.fn(async () => undefined);
    const find = method(load, { cache: '10s' });

    await find();
    await find();

    expect(load).toHaveBeenCalledTimes(2);
  });

  it('is what cacheResult accepts, undefined included', async () => {
    const answers = [undefined, 'draft', 'final'];
    const load = jest.fn(async () => answers.shift());
    const cacheResult = (result?: string) => result !== 'draft';
    const find = method(load, { cache: { ttl: '10s', cacheResult } });

    expect([await find(), await find()]).toEqual([undefined, undefined]);
    await clock.advance('10s');

    expect([await find(), await find(), await find()]).toEqual(['draft', 'final', 'final']);
  });

  it("is nothing when cacheResult throws: its error is the call's", async () => {
    const cacheResult = (): boolean => {
      throw new TypeError('no such field');
    };
    const find = method(async () => 'a', { cache: { ttl: '10s', cacheResult } });

    await expect(find()).rejects.toThrow('no such field');
    expect(find.results.size).toBe(0);
  });

  it('is a value that retryOnResult accepted, not the last refused one', async () => {
    const answers = ['queued', 'queued', 'done', 'lost'];
    const load = jest.fn(async () => answers.shift());
    const retry = {
      maxRetries: 1,
      strategy: 'immediate',
      retryOnResult: (result: string) => result === 'queued',
    } as const;
    const find = method(load, { cache: '10s', retry });

    expect(await find()).toBe('queued');
    expect(find.results.size).toBe(0);

    expect([await find(), await find()]).toEqual(['done', 'done']);
    expect(load).toHaveBeenCalledTimes(3);
  });

  it('is no answer of a fallback', async () => {
    const load = jest.fn(async () => Promise.reject(down()));
    const find = method(load, { cache: '10s', fallback: { value: 'empty' } });

    expect([await find(), await find()]).toEqual(['empty', 'empty']);

    expect(load).toHaveBeenCalledTimes(2);
  });

  it.each<[string, () => unknown]>([
    ['a Node stream', () => Readable.from(['a'])],
    ['an async iterable', () => (async function* () {})()],
    ['an iterator', () => [1].values()],
    ['the answer of fetch', () => new Response('a')],
    ['an Observable', () => of(1)],
  ])('is nothing that can be read only once: %s', async (_what, make) => {
    const load = jest.fn(async () => make());
    const find = method(load, { cache: '10s' });

    await find();
    await find();

    expect(load).toHaveBeenCalledTimes(2);
  });

  it('are maxEntries results: the least recently used is forgotten', async () => {
    const load = jest.fn(async (id: string) => id);
    const find = method(load, { cache: { ttl: '10s', maxEntries: 2 } });

    for (const id of ['a', 'b', 'a', 'c', 'a', 'b']) await find(id);

    expect(load.mock.calls.map(([id]) => id)).toEqual(['a', 'b', 'c', 'b']);
    expect(find.results.size).toBe(2);
  });

  it('can be forgotten by hand', async () => {
    const load = jest.fn(async () => 'a');
    const find = method(load, { cache: '10s' });
    await find();

    find.results.clear();
    await find();

    expect(load).toHaveBeenCalledTimes(2);
    expect(find.results.size).toBe(1);
  });
});

describe('the key', () => {
  it("may be the user's own", async () => {
    const load = jest.fn(async (user: { id: number; seen: () => void }) => user.id);
    const find = method(load, { cache: { ttl: '10s', key: ({ id }: { id: number }) => String(id) } });

    await find({ id: 1, seen: () => undefined });
    await find({ id: 1, seen: () => undefined });

    expect(load).toHaveBeenCalledTimes(1);
    expect(warn).not.toHaveBeenCalled();
  });

  it('that is undefined leaves the call uncached', async () => {
    const load = jest.fn(async (id?: string) => id);
    const find = method(load, { cache: { ttl: '10s', key: (id?: string) => id } });

    await find();
    await find();

    expect(load).toHaveBeenCalledTimes(2);
    expect(counters(find.results)).toEqual({ hits: 0, misses: 0, stale: 0 });
  });

  it('that cannot be made leaves the call uncached, with one warning', async () => {
    const load = jest.fn(async (_id: number, _visit: () => void) => 'a');
    const find = method(load, { cache: '10s' });

    await find(1, () => undefined);
    await find(1, () => undefined);

    expect(load).toHaveBeenCalledTimes(2);
    expect(warn.mock.calls).toEqual([
      [
        'Catalog.find > @Cache: a call was not cached, because its argument 2 has no key: functions, symbols and ' +
          'instances of classes have none. Give @Cache { key: (...args) => string }',
      ],
    ]);
  });

  it('that throws fails the call', async () => {
    const key = (user: { id: string }): string => user.id.trim();
    const find = method(async (_user?: object) => 'a', { cache: { ttl: '10s', key } });

    await expect(find()).rejects.toThrow(TypeError);
  });

  it('leaves out signals', async () => {
    const load = jest.fn(async (_id: number, _options?: { signal: AbortSignal }) => 'a');
    const find = method(load, { cache: '10s' });

    await find(1, { signal: new AbortController().signal });
    await find(1, { signal: new AbortController().signal });
    await find(1);

    expect(load).toHaveBeenCalledTimes(1);
  });
});

describe('staleIfError', () => {
  const failing = (policies: PolicyOptions, failure: unknown = down()) => {
    let healthy = true;
    const find = method(async () => (healthy ? 'a' : Promise.reject(failure as Error)), policies);
    return Object.assign(find, { fail: () => void (healthy = false) });
  };

  it('is off by default', async () => {
    const find = failing({ cache: '10s' });
    await find();
    find.fail();
    await clock.advance('10s');

    await expect(find()).rejects.toThrow('down');
  });

  it('answers a failed call with what has expired, for as long as it says', async () => {
    const find = failing({ cache: { ttl: '10s', staleIfError: '1m' } });
    await find();
    find.fail();

    await clock.advance('10s');
    expect(await find()).toBe('a');
    await clock.advance(59_999);
    expect(await find()).toBe('a');

    await clock.advance(1);
    await expect(find()).rejects.toThrow('down');
    expect(counters(find.results)).toEqual({ hits: 0, misses: 4, stale: 2 });
    expect(find.results.size).toBe(0);
  });

  it('tells that it did, and how old the answer was', async () => {
    const failure = down();
    const find = failing({ cache: { ttl: '10s', staleIfError: '1m' } }, failure);
    await find();
    find.fail();
    await clock.advance('15s');

    await find();

    expect(events.of('resilience.cache.stale-used')).toEqual([
      { policy: 'Catalog.find', executionId: expect.any(String), error: failure, ageMs: 15_000 },
    ]);
  });

  it('is preferred to the fallback', async () => {
    const find = failing({ cache: { ttl: '10s', staleIfError: '1m' }, fallback: { value: 'empty' } });
    await find();
    find.fail();

    await clock.advance('10s');
    expect(await find()).toBe('a');

    await clock.advance('1m');
    expect(await find()).toBe('empty');
  });

  it('comes after the retries', async () => {
    const find = failing({
      cache: { ttl: '10s', staleIfError: '1m' },
      retry: { maxRetries: 2, strategy: 'immediate' },
    });
    await find();
    find.fail();
    await clock.advance('10s');

    expect(await find()).toBe('a');

    expect(find.parts.stats.attempts).toBe(1 + 3);
  });

  it.each<[string, unknown]>([
    ['a server error', down()],
    ['an unknown one', new Error('what')],
    ['a rate limit', Object.assign(new Error('slow down'), { status: 429 })],
    ['a missing right', Object.assign(new Error('no'), { status: 401 })],
    ['an open circuit', Object.assign(new Error('open'), { code: 'RESILIENCE_CIRCUIT_OPEN' })],
    ['a full bulkhead', Object.assign(new Error('full'), { code: 'RESILIENCE_BULKHEAD_FULL' })],
  ])('answers in place of %s', async (_what, failure) => {
    const find = failing({ cache: { ttl: '10s', staleIfError: '1m' } }, failure);
    await find();
    find.fail();
    await clock.advance('10s');

    expect(await find()).toBe('a');
  });

  it.each<[string, unknown]>([
    ['a bad request', Object.assign(new Error('bad'), { status: 400 })],
    ['something that is gone', Object.assign(new Error('gone'), { status: 404 })],
  ])('does not hide %s', async (_what, failure) => {
    const find = failing({ cache: { ttl: '10s', staleIfError: '1m' } }, failure);
    await find();
    find.fail();
    await clock.advance('10s');

    await expect(find()).rejects.toBe(failure);
    expect(events.names).toEqual([]);
  });

  it('answers in place of what staleOn matches, and of nothing else', async () => {
    const cache = { ttl: '10s', staleIfError: '1m', staleOn: RangeError };
    const [range, other] = [failing({ cache }, new RangeError('far')), failing({ cache: { ...cache, name: 'x' } })];
    await range();
    await other();
    range.fail();
    other.fail();
    await clock.advance('10s');

    expect(await range()).toBe('a');
    await expect(other()).rejects.toThrow('down');
  });

  it('is for callers who still wait', async () => {
    const caller = new AbortController();
    let healthy = true;
    const load = async (_signal: AbortSignal) => (healthy ? 'a' : new Promise<never>(() => undefined));
    const find = method(load, { cache: { ttl: '10s', staleIfError: '1m' } });
    await find(caller.signal);
    healthy = false;
    await clock.advance('10s');

    const second = find(caller.signal);
    caller.abort(new Error('never mind'));

    await expect(second).rejects.toThrow('never mind');
  });

  it('does not answer a redriven dead letter', async () => {
    const find = failing({ cache: { ttl: '10s', staleIfError: '1m' } });
    await find();
    find.fail();
    await clock.advance('10s');

    const redriven = new Pipeline(find.parts, 'promise').replay(async () => Promise.reject(down()), undefined, []);

    await expect(redriven).rejects.toThrow('down');
  });

  it('refreshes nothing: the next call tries again', async () => {
    const answers: (() => Promise<string>)[] = [async () => 'a', async () => Promise.reject(down()), async () => 'b'];
    const find = method(async () => answers.shift()!(), { cache: { ttl: '10s', staleIfError: '1m' } });
    await find();
    await clock.advance('10s');

    expect([await find(), await find()]).toEqual(['a', 'b']);
  });
});

describe('an Observable', () => {
  it('is kept whole: every item, in order', async () => {
    let subscriptions = 0;
    const find = method(() => defer(() => (subscriptions++, of(1, 2, 3))), { cache: '10s' });

    expect(await itemsOf(find.observable())).toEqual([1, 2, 3]);
    expect(await itemsOf(find.observable())).toEqual([1, 2, 3]);

    expect(subscriptions).toBe(1);
  });

  it('that is empty is kept only where cacheResult accepts undefined', async () => {
    let subscriptions = 0;
    const load = () => defer(() => (subscriptions++, EMPTY));
    const [plain, all] = [
      method(load, { cache: '10s' }),
      method(load, { cache: { ttl: '10s', cacheResult: () => true } }, 'Catalog.all'),
    ];

    for (let round = 0; round < 2; round++) expect(await itemsOf(plain.observable())).toEqual([]);
    expect(subscriptions).toBe(2);

    for (let round = 0; round < 2; round++) expect(await itemsOf(all.observable())).toEqual([]);
    expect(subscriptions).toBe(3);
  });

  it.each([
    [100, 1],
    [101, 2],
  ])('of %d items is loaded %d times in two calls', async (length, times) => {
    let subscriptions = 0;
    const find = method(() => defer(() => (subscriptions++, range(0, length))), { cache: '10s' });

    expect(await itemsOf(find.observable())).toHaveLength(length);
    expect(await itemsOf(find.observable())).toHaveLength(length);

    expect(subscriptions).toBe(times);
  });

  it('is not kept when its consumer left before the end', async () => {
    const find = method(() => of(1, 2, 3), { cache: '10s' });

    expect(await itemsOf(find.observable().pipe(take(1)))).toEqual([1]);

    expect(find.results.size).toBe(0);
  });

  it('is not kept when one of its items is not to be', async () => {
    const find = method(() => of(1, undefined, 3), { cache: '10s' });

    await itemsOf(find.observable());

    expect(find.results.size).toBe(0);
  });

  it('that fails before its first item is replaced by what has expired', async () => {
    let healthy = true;
    const load = () => defer(() => (healthy ? of(1, 2) : throwError(() => down())));
    const find = method(load, { cache: { ttl: '10s', staleIfError: '1m' } });
    await itemsOf(find.observable());
    healthy = false;
    await clock.advance('10s');

    expect(await itemsOf(find.observable())).toEqual([1, 2]);
  });

  it('that fails after its first item fails: nobody gets items twice', async () => {
    let healthy = true;
    const load = () =>
      defer(() =>
        healthy
          ? of(1, 2)
          : concat(
              of(1),
              throwError(() => down()),
            ),
      );
    const find = method(load, { cache: { ttl: '10s', staleIfError: '1m' } });
    await itemsOf(find.observable());
    healthy = false;
    await clock.advance('10s');
    const seen: unknown[] = [];

    await expect(
      lastValueFrom(new Observable((subscriber) => find.observable().subscribe({
        next: (item) => void seen.push(item),
        error: (error: unknown) => subscriber.error(error),
      }))),
    ).rejects.toThrow('down'); // prettier-ignore
    expect(seen).toEqual([1]);
  });
});

describe('for a method that answers synchronously', () => {
  const execution = (find: { parts: unknown }, args: unknown[]): Execution =>
    new Execution(find.parts as never, undefined, args, clock.now());

  it('the lane can ask, remember and be rescued without waiting', async () => {
    const find = method(() => 'a', { cache: { ttl: '10s', staleIfError: '1m' } });
    const { cache, results } = find;

    expect(cache.fresh([1], 0)).toBeUndefined();
    cache.remember([1], 'a', 0);
    expect(cache.fresh([1], 9_999)?.value).toBe('a');
    expect(cache.fresh([1], 10_000)).toBeUndefined();
    expect(cache.stale(execution(find, [1]), down(), 10_000)?.value).toBe('a');
    expect(cache.stale(execution(find, [2]), down(), 10_000)).toBeUndefined();

    expect(counters(results)).toEqual({ hits: 1, misses: 3, stale: 1 });
    expect(events.names).toEqual(['resilience.cache.stale-used']);
  });

  it('it answers at once, from the method or an earlier call, fresh or not', async () => {
    const answers = ['a', 'b'];
    const load = jest.fn((_id: number) => {
      const answer = answers.shift();
      if (answer === undefined) throw down();
      return answer;
    });
    const { parts, results } = method(load, { cache: { ttl: '10s', staleIfError: '1m' } });
    const find = (id: number): unknown => new Pipeline(parts, 'sync').invoke(load, undefined, [id]);

    expect([find(1), find(1), find(2)]).toEqual(['a', 'a', 'b']);
    await clock.advance('10s');
    expect([find(1), find(2)]).toEqual(['a', 'b']);
    expect(() => find(3)).toThrow('down');

    expect(counters(results)).toEqual({ hits: 1, misses: 5, stale: 2 });
  });

  it('what has no key is not remembered', () => {
    const { cache, results } = method(() => 'a', { cache: '10s' });

    cache.remember([() => 1], 'a', 0);

    expect(cache.fresh([() => 1], 0)).toBeUndefined();
    expect([results.size, results.misses]).toEqual([0, 0]);
  });
});

describe('one name', () => {
  it('is one cache, whoever uses it', async () => {
    const cache = { ttl: '10s', name: 'products' };
    const one = method(async (id: number) => `one ${id}`, { cache });
    const other = method(async (id: number) => `other ${id}`, { cache }, 'Catalog.get');

    await one(1);

    expect(await other(1)).toBe('one 1');
    expect([...registry.states.cache.keys()]).toEqual(['products']);
    expect(warn).not.toHaveBeenCalled();
  });

  it('declared with different options is warned about; the first declaration wins', async () => {
    method(async () => 1, { cache: { ttl: '10s', name: 'products' } });
    const other = method(async () => 1, { cache: { ttl: '20s', name: 'products' } }, 'Catalog.get');

    expect(other.results.options.ttl).toBe(10_000);
    expect(warn).toHaveBeenCalledWith(
      "Cache 'products' is declared twice with different options; the first declaration wins",
    );
  });

  it('keeps its results when a running application is reconfigured', async () => {
    const before = readPolicyOptions({ cache: '10s' }, 'spec');
    const after = readPolicyOptions({ cache: { ttl: '1m', maxEntries: 2 } }, 'spec');
    const find = method(async (id: number) => id, { cache: '10s' });
    for (const id of [1, 2, 3]) await find(id);

    registry.build('Catalog.find', after, { attemptIndex: -1, before });
    await clock.advance('30s');

    expect(find.cache.fresh([3], clock.now())?.value).toBe(3);
    expect(find.results.size).toBe(2);
    expect(warn).not.toHaveBeenCalled();
  });
});

describe('a policy for functions', () => {
  it('needs a key: functions come without arguments', () => {
    expect(() => createPolicy({ name: 'rates', cache: '1m' })).toThrow(
      /rates > cache > key: got undefined, expected a function: without arguments/,
    );
  });

  it('caches by the key it is given', async () => {
    const policy = createPolicy({ cache: { ttl: '1m', key: () => 'rates' }, clock });

    expect(await policy.execute(async () => 1)).toBe(1);
    expect(await policy.execute(async () => 2)).toBe(1);
  });
});
