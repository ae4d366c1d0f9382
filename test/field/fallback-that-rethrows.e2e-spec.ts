import {
  DeadLetter,
  DeadLetterService,
  Fallback,
  type FallbackContext,
  fallbackErrorsOf,
  ResilienceModule,
} from '@nest-resilience/core';
import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { inspect } from 'node:util';
import { lastValueFrom, type Observable, throwError } from 'rxjs';

/** "Rethrow what you cannot answer" is the README's own idiom: it must not end in `[cause]: AggregateError ... [Circular *1]`. */
type Rethrow = (context: FallbackContext) => never;
const rethrow: Rethrow = ({ error }) => {
  throw error;
};
const wrap: Rethrow = ({ error }) => {
  throw new Error('wrapped', { cause: error });
};
const wrapDeep: Rethrow = ({ error }) => {
  throw new Error('outer', { cause: new AggregateError([new Error('part'), error]) });
};
const other = new Error('no replica');
const fail: Rethrow = () => {
  throw other;
};

const contextOf = (args: unknown[]): FallbackContext => args.at(-1) as FallbackContext;

function service(chain: readonly Rethrow[], original: unknown) {
  const targets = chain.map(
    (one) =>
      (...args: unknown[]) =>
        one(contextOf(args)),
  ) as never;
  @Injectable()
  class Orders {
    @Fallback(targets)
    @DeadLetter('promise')
    async promise(): Promise<string> {
      throw original;
    }
    @Fallback(targets)
    @DeadLetter('sync')
    sync(): string {
      throw original;
    }
    @Fallback(targets)
    @DeadLetter('observable')
    observable(): Observable<string> {
      return throwError(() => original);
    }
    @Fallback(targets)
    @DeadLetter('iterable')
    async *iterable(): AsyncGenerator<string> {
      yield* [];
      throw original;
    }
  }
  return Orders;
}

type Lane = 'promise' | 'sync' | 'observable' | 'iterable';
const LANES: readonly Lane[] = ['promise', 'sync', 'observable', 'iterable'];

async function ask(chain: readonly Rethrow[], original: unknown, lane: Lane) {
  const type = service(chain, original);
  const app = await Test.createTestingModule({ imports: [ResilienceModule.forRoot()], providers: [type] }).compile();
  await app.init();
  const orders = app.get(type);
  const run = async (): Promise<unknown> => {
    switch (lane) {
      case 'promise':
        return orders.promise();
      case 'sync':
        return orders.sync();
      case 'observable':
        return lastValueFrom(orders.observable());
      case 'iterable':
        return orders.iterable().next();
    }
  };
  const error = await run().catch((reason: unknown) => reason);
  await new Promise((resolve) => setImmediate(resolve));
  const { items } = await app.get(DeadLetterService).list({ queue: lane });
  await app.close();
  return { error, letter: items[0] };
}

describe.each(LANES)('In the lane of a %s', (lane) => {
  it.each<[string, readonly Rethrow[]]>([
    ['rethrows it', [rethrow]],
    ['all rethrow it', [rethrow, rethrow, rethrow]],
    ['wraps it', [wrap]],
    ['wraps it deep inside', [wrapDeep]],
    ['rethrows or wraps it', [rethrow, wrap]],
  ])('a fallback that %s leaves the original error as it was', async (_what, chain) => {
    const original = new Error('down');

    const { error, letter } = await ask(chain, original, lane);

    expect(error).toBe(original);
    expect(original.cause).toBeUndefined();
    expect(inspect(error)).not.toContain('Circular');
    expect(letter?.error).toMatchObject({ message: 'down' });
    expect(letter?.error).not.toHaveProperty('cause');
    expect(letter?.fallbacks).toHaveLength(chain.length);
  });

  it('what another fallback threw is its cause, once', async () => {
    const original = new Error('down');

    const { error, letter } = await ask([rethrow, fail, fail, wrap], original, lane);

    expect(error).toBe(original);
    expect(original.cause).toMatchObject({ errors: [other], message: 'All 4 fallbacks failed too' });
    expect(inspect(error)).not.toContain('Circular');
    expect(letter?.error.cause?.errors).toMatchObject([{ message: 'no replica' }]);
  });

  it.each<[string, () => Error]>([
    ['frozen', () => Object.freeze(new Error('down'))],
    ['sealed', () => Object.seal(new Error('down'))],
    ['with a cause', () => new Error('down', { cause: other })],
    ['of many parts', () => new AggregateError([other], 'down')],
  ])('an error %s stays what it was', async (_what, make) => {
    const original = make();
    const { cause } = original;

    const { error } = await ask([rethrow, fail, wrap], original, lane);

    expect(error).toBe(original);
    expect(original.cause).toBe(cause);
    expect(inspect(error)).not.toContain('Circular');
  });

  it('an error thrown by two calls is not tied to itself by the second', async () => {
    const shared = new Error('down');
    const another = new Error('also down');

    await ask([() => { throw another; }], shared, lane); // prettier-ignore
    await ask([() => { throw shared; }], another, lane); // prettier-ignore
    await ask([rethrow], shared, lane);

    expect(shared.cause).toMatchObject({ errors: [another] });
    expect(another.cause).toBeUndefined();
  });

  it('a thrown value that is no error goes on as it is', async () => {
    const { error } = await ask([rethrow, fail], 'just a text', lane);

    expect(error).toBe('just a text');
  });
});

describe('fallbackErrorsOf', () => {
  it('tells what else was thrown, whatever became of the cause', async () => {
    const original = new Error('down');

    await ask([rethrow, wrap, fail], original, 'promise');

    expect(fallbackErrorsOf(original)).toMatchObject([{ message: 'wrapped' }, { message: 'no replica' }]);
  });
});
