import { describe, expect, it, jest } from '@jest/globals';

import { CircuitOpenError } from '../circuit-breaker/index.js';
import { createPolicy } from '../policy/index.js';
import type { PolicyOptions } from '../policy/policy.options.js';
import { FakeClock } from '../testing/fake-clock.js';
import { TimeoutError } from '../timeout/index.js';
import { fallbackErrorsOf } from './fallback.errors.js';
import { DEFAULT_FALLBACK_ENTRY, type FallbackContext, readFallbackOptions } from './fallback.options.js';

const DOWN = new Error('down');
const down = (): Promise<never> => Promise.reject(DOWN);
const throwing = (message: string) => (): never => {
  throw new Error(message);
};
const run = (options: PolicyOptions, fn: () => Promise<unknown> = down): Promise<unknown> =>
  createPolicy({ name: 'orders', ...options }).execute(fn);
const messages = (errors: readonly unknown[]): string[] => errors.map((error) => (error as Error).message);

describe('the options of @Fallback', () => {
  const first = (): number => 1;
  const plain = { on: undefined, priority: 0 };

  it('have these defaults', () => {
    expect(DEFAULT_FALLBACK_ENTRY).toEqual({ priority: 0 });
  });

  it('take one target or a chain', () => {
    expect(readFallbackOptions('other', 'p')).toEqual([{ target: 'other', ...plain }]);
    expect(readFallbackOptions(first, 'p')).toEqual([{ target: first, ...plain }]);
    expect(readFallbackOptions({ value: undefined }, 'p')).toEqual([{ target: { value: undefined }, ...plain }]);
    expect(readFallbackOptions(['a', { use: first, on: TypeError, priority: 0 }, { value: 3 }], 'p')).toEqual([
      { target: 'a', ...plain },
      { target: first, on: TypeError, priority: 0 },
      { target: { value: 3 }, ...plain },
    ]);
  });

  it('sort by priority, lower first, equal ones in written order', () => {
    const chain = readFallbackOptions(
      [
        { use: 'd', priority: 5 },
        'b',
        { use: 'a', priority: -1 },
        { use: 'c', priority: 0 },
        { use: 'e', priority: 5 },
      ],
      'p',
    );

    expect(chain.map(({ target }) => target)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

describe('Fallback', () => {
  it('is not asked when the call succeeded', async () => {
    const fallback = jest.fn(() => 'fallback');

    expect(await run({ fallback }, async () => 'primary')).toBe('primary');

    expect(fallback).not.toHaveBeenCalled();
  });

  it.each<[string, PolicyOptions['fallback'], unknown]>([
    ['a function', () => 'rescued', 'rescued'],
    ['an async function', async () => 'rescued', 'rescued'],
    ['a constant', { value: 0.5 }, 0.5],
    ['the constant undefined', { value: undefined }, undefined],
    ['the constant null', { value: null }, null],
    ['a chain of one', [{ use: { value: 'rescued' } }], 'rescued'],
  ])('answers with %s', async (_what, fallback, answer) => {
    expect(await run({ fallback: fallback! })).toBe(answer);
  });

  it('rescues a synchronous throw too', async () => {
    expect(await run({ fallback: { value: 1 } }, throwing('sync'))).toBe(1);
  });

  it('pain 9: sees what is left after all retries, and the breaker does not see it', async () => {
    const fn = jest.fn(down);
    const seen: FallbackContext[] = [];
    const policy = createPolicy({
      retry: { maxRetries: 2, strategy: 'immediate' },
      circuitBreaker: { failureThreshold: 3 },
      fallback: (context: FallbackContext) => void seen.push(context),
    });

    await policy.execute(fn);
    await policy.execute(fn);

    expect(fn).toHaveBeenCalledTimes(3);
    expect(seen).toMatchObject([
      { error: DOWN, attempts: 3, level: 1 },
      { error: expect.any(CircuitOpenError), attempts: 1, level: 1 },
    ]);
  });

  it('pain 15: tells a fallback what failed, how often, and what other fallbacks threw', async () => {
    const contexts: FallbackContext[] = [];
    const failing = (message: string) => (context: FallbackContext) => {
      contexts.push(context);
      throw new Error(message);
    };

    await run({ fallback: [failing('first'), failing('second'), { value: 'ok' }] });

    expect(contexts).toMatchObject([
      { error: DOWN, attempts: 1, level: 1 },
      { error: DOWN, attempts: 1, level: 2 },
    ]);
    expect(contexts.map(({ errors }) => messages(errors))).toEqual([['down'], ['down', 'first']]);
  });

  it('gives a function nothing but the context: the attempt is the protected function’s own', async () => {
    const fallback = jest.fn((..._args: unknown[]) => 'ok');

    await run({ fallback });

    expect(fallback.mock.calls).toEqual([[expect.objectContaining({ level: 1 })]]);
  });

  describe('a chain', () => {
    it('goes on to the next when one fails, and stops at the first that answers', async () => {
      const never = jest.fn(() => 'never');

      const answer = await run({
        fallback: [throwing('a'), async () => Promise.reject(new Error('b')), () => 'c', never],
      });

      expect(answer).toBe('c');
      expect(never).not.toHaveBeenCalled();
    });

    it('follows the priority', async () => {
      const order: string[] = [];
      const note = (name: string) => () => {
        order.push(name);
        throw new Error(name);
      };

      await run({
        fallback: [{ use: note('late'), priority: 9 }, note('middle'), { use: note('early'), priority: -9 }],
      }).catch(() => undefined);

      expect(order).toEqual(['early', 'middle', 'late']);
    });

    it.each<[string, unknown, string]>([
      ['a class', new TypeError('x'), 'for type errors'],
      ['a predicate', { status: 429 }, 'for limits'],
      ['one of a list', new RangeError('x'), 'for ranges'],
      ['nothing special', DOWN, 'for all'],
    ])('takes the entry whose `on` matches: %s', async (_what, error, answer) => {
      const fallback = [
        { use: { value: 'for type errors' }, on: TypeError },
        { use: { value: 'for limits' }, on: (e: unknown) => (e as { status?: number }).status === 429 },
        { use: { value: 'for ranges' }, on: [SyntaxError, RangeError] },
        { value: 'for all' },
      ];

      expect(await run({ fallback }, () => Promise.reject(error as Error))).toBe(answer);
    });

    it('judges `on` by the original error, not by what another fallback threw', async () => {
      const fallback = [
        { use: throwing('first') },
        { use: { value: 'wrong' }, on: (error: unknown) => error !== DOWN },
        { use: { value: 'right' }, on: (error: unknown) => error === DOWN },
      ];

      expect(await run({ fallback })).toBe('right');
    });

    it('without an entry for the error throws it untouched', async () => {
      const error = new Error('not for you');

      const thrown = await run({ fallback: [{ use: { value: 1 }, on: TypeError }] }, () => Promise.reject(error)).catch(
        (caught: unknown) => caught,
      );

      expect(thrown).toBe(error);
      expect(error.cause).toBeUndefined();
      expect(fallbackErrorsOf(thrown)).toEqual([]);
    });
  });

  describe('when all fail', () => {
    const allFail = (error: unknown): Promise<unknown> =>
      run({ fallback: [throwing('a'), throwing('b')] }, () => Promise.reject(error as Error)).catch((e: unknown) => e);

    it('the original error is thrown, the same object, with all others attached', async () => {
      const original = new Error('original');

      const thrown = await allFail(original);

      expect(thrown).toBe(original);
      expect(messages(fallbackErrorsOf(thrown))).toEqual(['a', 'b']);
      expect(original.cause).toBeInstanceOf(AggregateError);
      expect(messages((original.cause as AggregateError).errors)).toEqual(['a', 'b']);
      expect((original.cause as Error).message).toBe('All 2 fallbacks failed too');
      expect(Object.keys(original)).toEqual([]);
    });

    it('keeps a cause that was there', async () => {
      const cause = new Error('root');
      const original = new Error('original', { cause });

      const thrown = await allFail(original);

      expect((thrown as Error).cause).toBe(cause);
      expect(messages(fallbackErrorsOf(thrown))).toEqual(['a', 'b']);
    });

    it('attaches those of the last call to an error that is thrown again and again', async () => {
      const shared = new Error('shared');

      await allFail(shared);
      await run({ fallback: throwing('c') }, () => Promise.reject(shared)).catch(() => undefined);

      expect(messages(fallbackErrorsOf(shared))).toEqual(['c']);
    });

    it.each([undefined, null, 'text', 42, Object.freeze(new Error('frozen')), Object.freeze({ plain: 1 })])(
      'throws %p unchanged',
      async (thrown) => {
        expect(await allFail(thrown)).toBe(thrown);
        expect(fallbackErrorsOf(thrown)).toEqual([]);
      },
    );
  });

  describe('not run', () => {
    it('when the caller aborted in an attempt', async () => {
      const fallback = jest.fn();
      const caller = new AbortController();
      const policy = createPolicy({ fallback });
      const answer = policy.execute(() => new Promise(() => undefined), { signal: caller.signal });

      caller.abort('gone');

      await expect(answer).rejects.toBe('gone');
      expect(fallback).not.toHaveBeenCalled();
    });

    it('when the caller aborted in a wait', async () => {
      const fallback = jest.fn();
      const caller = new AbortController();
      const clock = new FakeClock();
      const policy = createPolicy({ fallback, retry: 3, clock });
      const answer = policy.execute(down, { signal: caller.signal }).catch((error: unknown) => error);
      await clock.advance(1);

      caller.abort('gone');

      expect(await answer).toBe('gone');
      expect(fallback).not.toHaveBeenCalled();
    });
  });

  it('takes over from an open circuit and a timeout', async () => {
    const clock = new FakeClock();
    const errors: unknown[] = [];
    const policy = createPolicy({
      clock,
      timeout: 100,
      circuitBreaker: { failureThreshold: 1 },
      fallback: ({ error }: FallbackContext) => void errors.push(error),
    });

    const first = policy.execute(() => new Promise(() => undefined));
    await clock.advance(100);
    await first;
    await policy.execute(async () => 1);

    expect(errors).toEqual([expect.any(TimeoutError), expect.any(CircuitOpenError)]);
  });

  it('a constant answers an open circuit, and the refusal is told to whoever listens', async () => {
    const names: string[] = [];
    const events = { listens: () => true, emit: (name: string) => void names.push(name) };
    const policy = createPolicy({ events, circuitBreaker: { failureThreshold: 1 }, fallback: { value: 'cached' } });

    expect([await policy.execute(down), await policy.execute(down)]).toEqual(['cached', 'cached']);

    expect(names).toEqual([
      'resilience.circuit.opened',
      'resilience.fallback.used',
      'resilience.circuit.rejected',
      'resilience.fallback.used',
    ]);
  });

  it('tells which level rescued, or that none did', async () => {
    const told: [string, object][] = [];
    const events = { listens: () => true, emit: (name: string, payload: object) => void told.push([name, payload]) };
    const execute = (fallback: PolicyOptions['fallback']): Promise<unknown> =>
      createPolicy({ name: 'orders', events, fallback: fallback! }).execute(down);
    function second(): string {
      return 'ok';
    }

    await execute([throwing('a'), second]);
    await execute([throwing('a'), throwing('b')]).catch(() => undefined);

    expect(told).toMatchObject([
      ['resilience.fallback.used', { policy: 'orders', level: 2, name: 'second', error: DOWN }],
      ['resilience.fallback.failed', { policy: 'orders', error: DOWN }],
    ]);
    expect(messages((told[1]![1] as { errors: unknown[] }).errors)).toEqual(['a', 'b']);
  });

  it('rescues a stream only while nothing has been emitted', async () => {
    async function* primary(items: number): AsyncGenerator<string> {
      for (let i = 0; i < items; i++) yield `primary ${i}`;
      throw DOWN;
    }
    async function* secondary(): AsyncGenerator<string> {
      yield 'secondary';
    }
    const policy = createPolicy({ fallback: secondary });
    const read = async (items: number): Promise<unknown[]> => {
      const seen: unknown[] = [];
      try {
        for await (const item of await policy.execute(() => primary(items))) seen.push(item);
      } catch (error) {
        seen.push(error);
      }
      return seen;
    };

    expect(await read(0)).toEqual(['secondary']);
    expect(await read(1)).toEqual(['primary 0', DOWN]);
  });
});
