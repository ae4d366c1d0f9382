import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, expect, it } from '@jest/globals';
import { defer, EMPTY, lastValueFrom, NEVER, Observable, of, Subject, take, toArray } from 'rxjs';

import type { Policies } from '../../src/policy/policy.options.js';
import { settle } from '../../src/testing/settle.js';
import { attemptsIn, fails, gives, hangs, type Lane, LaneBench, streams, WAITING_LANES } from './lane-bench.js';

const DOWN = new Error('down');
const immediate = { maxRetries: 3, strategy: 'immediate' } as const;
const OBSERVABLES = WAITING_LANES.filter(([, { shape, way }]) => shape === 'observable' || way === 'handler');
const ITERABLES = WAITING_LANES.filter(([, { shape }]) => shape === 'iterable');

/** Everything that a stream emitted; its error last. */
async function itemsOf(answer: unknown): Promise<unknown[]> {
  const seen: unknown[] = [];
  try {
    if (answer instanceof Observable) return await lastValueFrom(answer.pipe(toArray()));
    for await (const item of answer as AsyncIterable<unknown>) seen.push(item);
  } catch (error) {
    seen.push(error);
  }
  return seen;
}

function collected(answer: unknown): unknown[] {
  const seen: unknown[] = [];
  (answer as Observable<unknown>).subscribe({
    next: (item) => seen.push(item),
    error: (error) => seen.push(error),
    complete: () => seen.push('complete'),
  });
  return seen;
}

/** A lane whose method answers with this. */
function returning(lane: Lane, answer: () => unknown, policies: Policies = {}): { bench: LaneBench; call(): unknown } {
  const bench = new LaneBench(lane, policies);
  return { bench, call: () => bench.pipeline.invoke(answer, bench.service, []) };
}

const observable: Lane = { name: 'an Observable', shape: 'observable', kind: 'observable' };
const iterable: Lane = { name: 'an async iterable', shape: 'iterable', kind: 'iterable' };

describe.each<[string, Lane]>(OBSERVABLES.filter(([, { way }]) => way === undefined))('%s', (_name, lane) => {
  it('is read anew, as a call of its own, by each subscriber', async () => {
    const bench = new LaneBench(lane, { retry: true }).play(streams(1, 2, 3));
    const answer = bench.call();

    expect([await itemsOf(answer), await itemsOf(answer)]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 2, attempts: 2 });
    expect(bench.starts).toHaveLength(2);
  });

  it('asks its circuit and takes its token when it is read, not when it is made', () => {
    const bench = new LaneBench(lane, { rateLimit: { limit: 1, interval: '1h' } }).play(streams(1));

    const [first, second] = [bench.call(), bench.call()];

    expect(collected(second)).toEqual([1, 'complete']);
    expect(collected(first)).toEqual([expect.objectContaining({ code: 'RESILIENCE_RATE_LIMITED' })]);
  });

  it('may be retried and replaced only until it has emitted', async () => {
    const bench = new LaneBench(lane, { retry: immediate, fallback: 'rescue' });

    expect(collected(bench.play(fails(DOWN), fails(DOWN, 0, [1, 2])).call())).toEqual([1, 2, DOWN]);

    expect(bench.starts).toHaveLength(2);
    expect(bench.stats).toMatchObject({ failedWithRetry: 1, fallbacks: 0 });
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it('judged by its first item is played again, and only by that', async () => {
    const retryOnResult = (item: unknown): boolean => item === 'bad';
    const bench = new LaneBench(lane, { retry: { ...immediate, retryOnResult } });

    expect(collected(bench.play(streams('bad', 1), streams('bad', 2), streams('good', 'bad')).call())).toEqual([
      'good',
      'bad',
      'complete',
    ]);
    expect(collected(bench.play(streams('bad', 1)).call())).toEqual(['bad', 'complete']);

    expect(bench.stats).toMatchObject({ successfulWithRetry: 2 });
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it('fails with what retryOnResult throws', () => {
    const retryOnResult = (): never => {
      throw DOWN;
    };
    const bench = new LaneBench(lane, {
      retry: { ...immediate, retryOnResult },
      circuitBreaker: { failureThreshold: 9 },
    });

    expect(collected(bench.play(streams('item')).call())).toEqual([DOWN]);
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it.each([{}, { timeout: { total: '1h' } }] as const)(
    'that is left after an item was served: %j',
    async (policies) => {
      const bench = new LaneBench(lane, {
        ...policies,
        circuitBreaker: { failureThreshold: 1 },
        retry: true,
        bulkhead: 1,
      });

      const answer = bench.play(streams(1, 2, 3)).call() as Observable<unknown>;

      expect(await lastValueFrom(answer.pipe(take(2)))).toBe(2);
      expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, attempts: 1 });
      expect(bench.leftovers).toMatchObject({ calls: 0, active: 0, retrying: 0, running: 0 });
    },
  );

  it.each([{}, { timeout: { total: '1h' } }] as const)(
    'that is left before its first item was no call that ended: %j',
    async (policies) => {
      const recovering = { failureThreshold: 1, recoveryTimeout: '1s' } as const;
      const bench = new LaneBench(
        lane,
        { ...policies, circuitBreaker: recovering, bulkhead: 1, retry: { maxRetries: 1, retryOn: RangeError } },
        { attemptIndex: 0 },
      );
      await bench.play(fails(DOWN)).run();
      await bench.clock.advance('1h');
      expect(bench.circuit).toBe('half_open');
      bench.play(hangs);

      const subscription = (bench.call() as Observable<unknown>).subscribe();
      const { signal } = attemptsIn(bench, 0).at(-1)!;
      subscription.unsubscribe();

      expect(signal.aborted).toBe(true);
      expect(bench.stopped).toBe(1);
      expect(bench.stats.total).toBe(1);
      expect(bench.circuit).toBe('half_open');
      expect((await bench.play(gives('up')).run()).value).toBe('up');
      expect(bench.circuit).toBe('closed');
      expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0, running: 0, queued: 0 });
    },
  );

  it('that is left while it waits for its retry makes no further attempt', async () => {
    const bench = new LaneBench(lane, { retry: { baseDelay: '1s', jitter: 'none' } });

    const subscription = (bench.play(fails(DOWN)).call() as Observable<unknown>).subscribe();
    await bench.clock.advance(500);
    subscription.unsubscribe();
    await bench.clock.advance('1h');

    expect(bench.starts).toEqual([0]);
    expect(bench.stats.total).toBe(0);
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it('that is left while a fallback answers was served', async () => {
    const fallback = () => of('a', 'b', 'c');
    const bench = new LaneBench(lane, { fallback, retry: true }).play(fails(Object.assign(DOWN, {})));
    const rescued = new LaneBench(lane, { fallback }).play(fails(DOWN));

    expect(await lastValueFrom((rescued.call() as Observable<unknown>).pipe(take(1)))).toBe('a');

    expect(rescued.stats).toMatchObject({ successfulWithoutRetry: 1, fallbacksByLevel: [1] });
    expect(bench.leftovers).toMatchObject({ calls: 0 });
  });

  it('may be replaced by a stream of its fallback, which is played as far as it goes', () => {
    const broken = () =>
      new Observable((subscriber) => {
        subscriber.next('a');
        subscriber.error(new Error('broken'));
      });
    const bench = new LaneBench(lane, { fallback: [broken, { value: 'never' }] }).play(fails(DOWN));

    expect(collected(bench.call())).toEqual(['a', expect.objectContaining({ message: 'broken' })]);
    expect(bench.stats).toMatchObject({ failedWithoutRetry: 1, fallbacksByLevel: [1] });
  });

  it('that ends without an item is a call that succeeded', () => {
    const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1 } });

    expect(collected(bench.play(streams()).call())).toEqual(['complete']);

    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, attempts: 1 });
  });

  it('has its last item judged by recordResult', () => {
    const recordResult = (item: unknown): boolean => item === 'bad';
    const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1, recordResult } });

    collected(bench.play(streams('bad', 'good')).call());
    expect(bench.circuit).toBe('closed');
    collected(bench.play(streams('good', 'bad')).call());
    expect(bench.circuit).toBe('open');
  });

  it('takes no item from a source that does not stop when told', () => {
    const source = new Subject<unknown>();
    const { bench, call } = returning({ ...lane, kind: 'observable' }, () => source);

    const seen = collected((call() as Observable<unknown>).pipe(take(1)));
    source.next('first');
    source.next('second');

    expect(seen).toEqual(['first', 'complete']);
    expect(source.observed).toBe(false);
    expect(bench.leftovers).toMatchObject({ calls: 0 });
  });

  it('has as long as it likes for what follows its first item, and is measured to its end', async () => {
    const source = new Subject<unknown>();
    const { bench, call } = returning({ ...lane, kind: 'observable' }, () => source, { timeout: '1s', retry: true });

    const seen = collected(call());
    await bench.clock.advance(900);
    source.next('in time');
    await bench.clock.advance('1m');
    source.next('much later');
    source.complete();

    expect(seen).toEqual(['in time', 'much later', 'complete']);
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, timeouts: 0 });
    expect(bench.stats.durations.sum).toBe(60_900);
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it('that is left after an item is measured until then', async () => {
    const source = new Subject<unknown>();
    const { bench, call } = returning({ ...lane, kind: 'observable' }, () => source, { timeout: '1s' });

    const subscription = (call() as Observable<unknown>).subscribe();
    source.next('item');
    await bench.clock.advance('1m');
    subscription.unsubscribe();

    expect(bench.stats.durations.sum).toBe(60_000);
    expect(bench.stats.successfulWithoutRetry).toBe(1);
  });

  it('is retried in the async context of its consumer', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { bench, call } = returning(
      { ...lane, kind: 'observable' },
      () =>
        defer(() => {
          seen.push(storage.getStore());
          return NEVER;
        }),
      { timeout: 100, retry: { maxRetries: 1, strategy: 'immediate' } },
    );

    for (const name of ['a', 'b']) storage.run(name, () => collected(call()));
    await bench.clock.advance('1h');

    expect(seen).toEqual(['a', 'b', 'a', 'b']);
  });
});

describe('A handler', () => {
  const handler = OBSERVABLES.find(([, { way }]) => way === 'handler')![1];

  it('that failed before it was reached is neither retried, rescued nor counted', async () => {
    const bench = new LaneBench(handler, {
      retry: immediate,
      fallback: 'rescue',
      deadLetter: true,
      circuitBreaker: { failureThreshold: 1 },
    });
    const opened: unknown[] = [];
    const { pipeline } = bench;
    const answer = pipeline.around(pipeline.execution(undefined, []), (attempt) => {
      opened.push(attempt.number);
      throw DOWN;
    });

    const seen = collected(answer);
    await settle();

    expect(seen).toEqual([DOWN]);
    expect(opened).toEqual([1]);
    expect(bench.stats).toMatchObject({ total: 0, attempts: 0, fallbacks: 0 });
    expect([bench.letters, bench.circuit]).toEqual([[], 'closed']);
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it('has its pipes and inner interceptors run anew for each attempt', async () => {
    const bench = new LaneBench(handler, { retry: immediate });

    expect((await bench.play(fails(DOWN), gives('second')).run('a')).value).toBe('second');

    expect(bench.given).toEqual([['a'], ['a']]);
  });

  it('is cached by its own entry, so that only what has expired answers in its place here', async () => {
    const bench = new LaneBench(handler, { cache: { ttl: '1s', staleIfError: '10s' } });
    bench.parts.cache?.remember(['a'], 'kept', 0);
    await bench.clock.advance('5s');

    expect((await bench.play(fails(DOWN)).start('a')).value).toBe('kept');
    expect((await bench.play(gives('fresh')).start('a')).value).toBe('fresh');
    await bench.clock.advance('1h');
    expect((await bench.play(fails(DOWN)).start('a')).error).toBe(DOWN);
  });
});

describe.each<[string, Lane]>(ITERABLES)('%s', (_name, lane) => {
  it('is pulled item by item, no faster than it is read', async () => {
    const pulled: number[] = [];
    const { call } = returning(lane, async function* () {
      for (let item = 1; item <= 3; item++) {
        pulled.push(item);
        yield item;
      }
    });
    const items = (call() as AsyncIterable<unknown>)[Symbol.asyncIterator]();

    expect([await items.next(), pulled]).toEqual([{ done: false, value: 1 }, [1]]);
    await settle();
    expect(pulled).toEqual([1]);
    expect((await items.next()).value).toBe(2);
  });

  it('that is read on after the process has stopped waiting ends then', async () => {
    const bench = new LaneBench(lane, { retry: true, deadLetter: true }).play({ after: 0, items: [1] });
    const hanging = bench.pipeline.invoke(
      async function* () {
        yield 1;
        await new Promise(() => undefined);
      },
      bench.service,
      [],
    );
    const items = (hanging as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    expect(await items.next()).toEqual({ done: false, value: 1 });

    bench.context.shutdown.expire();
    bench.context.deadlines.giveUp();

    await expect(items.next()).rejects.toMatchObject({ code: 'RESILIENCE_SHUTDOWN' });
    expect(bench.letters).toMatchObject([{ reason: 'shutdown' }]);
    expect(bench.leftovers).toMatchObject({ calls: 0, timers: 0 });
  });

  it('without any item is nothing that a fallback could refuse', async () => {
    const bench = new LaneBench(lane, { fallback: { use: 'rescue', onResult: (item) => item === undefined } });
    const seen: unknown[] = [];

    for await (const item of bench.play(streams()).call() as AsyncIterable<unknown>) seen.push(item);

    expect(seen).toEqual([]);
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, fallbacks: 0 });
  });

  it('that is left tells its source, and waits until that has cleaned up', async () => {
    const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1 }, bulkhead: 1, retry: true });
    bench.play(streams(1, 2, 3));

    for await (const item of bench.call() as AsyncIterable<unknown>) {
      expect(item).toBe(1);
      break;
    }

    expect(bench.stopped).toBe(1);
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, attempts: 1 });
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0, running: 0, queued: 0 });
  });

  it('that is left after a retry or in a fallback was served by these', async () => {
    const fallback = async function* () {
      yield 'a';
      yield 'b';
    };
    const retried = new LaneBench(lane, { retry: immediate, fallback });
    const rescued = new LaneBench(lane, { fallback });

    for await (const _ of retried.play(fails(DOWN), streams(1, 2)).call() as AsyncIterable<unknown>) break;
    for await (const _ of rescued.play(fails(DOWN)).call() as AsyncIterable<unknown>) break;

    expect(retried.stats).toMatchObject({ successfulWithRetry: 1, fallbacks: 0 });
    expect(rescued.stats).toMatchObject({ successfulWithoutRetry: 1, fallbacksByLevel: [1] });
  });

  it('may be retried and replaced only until it has emitted', async () => {
    const bench = new LaneBench(lane, { retry: immediate, fallback: 'rescue' });

    expect(await itemsOf(bench.play(fails(DOWN), fails(DOWN, 0, [1, 2])).call())).toEqual([1, 2, DOWN]);

    expect(bench.starts).toHaveLength(2);
    expect(bench.stats).toMatchObject({ failedWithRetry: 1, fallbacks: 0 });
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
  });

  it.each<[string, () => unknown]>([
    ['an Observable', () => of('a', 'b')],
    ['a promise', () => Promise.resolve('b')],
    ['a value', () => 'b'],
    [
      'an async iterable',
      async function* () {
        yield 'a';
        yield 'b';
      },
    ],
  ])('may be replaced by %s of its fallback', async (_what, fallback) => {
    const bench = new LaneBench(lane, { fallback }).play(fails(DOWN));

    expect((await itemsOf(bench.call())).at(-1)).toBe('b');
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, fallbacksByLevel: [1] });
  });

  it('may be replaced by a stream of its fallback, which is played as far as it goes', async () => {
    const broken = async function* () {
      yield 'a';
      throw new Error('broken');
    };
    const bench = new LaneBench(lane, { fallback: [broken, { value: 'never' }] }).play(fails(DOWN));

    expect(await itemsOf(bench.call())).toEqual(['a', expect.objectContaining({ message: 'broken' })]);
    expect(bench.stats).toMatchObject({ failedWithoutRetry: 1, fallbacksByLevel: [1] });
  });

  it('that ends without an item is a call that succeeded', async () => {
    const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1 } });

    expect(await itemsOf(bench.play(streams()).call())).toEqual([]);

    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1, attempts: 1 });
  });

  it('has its last item judged by recordResult', async () => {
    const recordResult = (item: unknown): boolean => item === 'bad';
    const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1, recordResult } });

    await itemsOf(bench.play(streams('bad', 'good')).call());
    expect(bench.circuit).toBe('closed');
    await itemsOf(bench.play(streams('good', 'bad')).call());
    expect(bench.circuit).toBe('open');
  });

  it('that was left after an item has shown that its source works', async () => {
    const bench = new LaneBench(lane, { circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1s' } });
    await bench.play(fails(DOWN)).run();
    await bench.clock.advance('1s');

    for await (const _item of bench.play(streams(1, 2)).call() as AsyncIterable<unknown>) break;

    expect(bench.circuit).toBe('closed');
  });

  it('whose source throws when it is told to stop still fails with its own error', async () => {
    const { bench, call } = returning(lane, () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(DOWN),
        return: () => Promise.reject(new Error('cannot stop')),
      }),
    }));

    expect(await itemsOf(call())).toEqual([DOWN]);
    await settle();
    expect(bench.leftovers).toMatchObject({ calls: 0 });
  });

  it('whose source knows no return can be left as well', async () => {
    const { call } = returning(lane, () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value: 1 }) }),
    }));

    for await (const item of call() as AsyncIterable<unknown>) {
      expect(item).toBe(1);
      break;
    }
  });
});

describe('A method that was declared to answer with', () => {
  it.each<[Lane, string, () => unknown, unknown[]]>([
    [iterable, 'a promise of one', () => Promise.resolve((async function* () { yield 1; yield 2; })()), [1, 2]], // prettier-ignore
    [iterable, 'a plain value', () => 'value', ['value']],
    [iterable, 'an Observable', () => of(1, 2), [2]],
    [observable, 'a promise', () => Promise.resolve(1), [1]],
    [observable, 'a plain value', () => 'value', ['value']],
    [observable, 'an empty Observable', () => EMPTY, []],
    [observable, 'an async iterable', async function* () { yield 1; yield 2; }, [1, 2]], // prettier-ignore
  ])('$name, but answers with %s', async (lane, _what, answer, items) => {
    expect(await itemsOf(returning(lane, answer).call())).toEqual(items);
  });

  it('a promise, but answers with one whose `then` throws, fails with that', async () => {
    class Broken extends Promise<unknown> {
      static override get [Symbol.species]() {
        return Promise;
      }
      override then(): never {
        throw DOWN;
      }
    }
    const bench = new LaneBench({ name: 'a promise', shape: 'promise', kind: 'promise' }, { circuitBreaker: true });

    const answer = bench.pipeline.invoke(() => new Broken(() => undefined), bench.service, []) as Promise<unknown>;

    await expect(answer).rejects.toBe(DOWN);
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0 });
  });

  it('a promise, but answers with a thenable of another library, is a promise all the same', async () => {
    const lane: Lane = { name: 'undeclared', shape: 'promise', kind: 'unknown' };
    const { bench, call } = returning(lane, () => ({ then: (resolve: (value: unknown) => void) => resolve('value') }));

    expect(await call()).toBe('value');
    expect(bench.stats).toMatchObject({ successfulWithoutRetry: 1 });
  });
});
