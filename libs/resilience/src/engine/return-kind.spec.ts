import { describe, expect, it } from '@jest/globals';
import { lastValueFrom, Observable, of, toArray } from 'rxjs';

import { kindOfMethod, kindOfValue, type ReturnKind, toObservable } from './return-kind.js';

const thenable = { then: (resolve: (value: unknown) => void) => resolve('value') };
async function* numbers(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

describe('the kind of a value', () => {
  it.each<[string, unknown, ReturnKind]>([
    ['a promise', Promise.resolve(1), 'promise'],
    ['a promise of another library', thenable, 'promise'],
    ['an Observable', of(1), 'observable'],
    ['an async iterable', numbers(), 'iterable'],
    ['undefined', undefined, 'sync'],
    ['null', null, 'sync'],
    ['a text', 'then', 'sync'],
    ['a function with a then', Object.assign(() => 1, { then: () => 2 }), 'promise'],
    ['an object whose then is none', { then: 'later' }, 'sync'],
    ['an array', [1, 2], 'sync'],
  ])('%s is seen', (_what, value, kind) => {
    expect(kindOfValue(value)).toBe(kind);
  });
});

describe('the kind of a method, before it is called', () => {
  class ObservableOfAnotherCopy {}
  Object.defineProperty(ObservableOfAnotherCopy, 'name', { value: 'Observable' });

  it.each<[string, object, unknown, ReturnKind]>([
    ['an async function', async () => 1, undefined, 'promise'],
    ['an async generator', numbers, undefined, 'iterable'],
    ['an async generator that SWC recorded as Promise', numbers, Promise, 'iterable'],
    ['a generator', function* () {}, undefined, 'sync'],
    ['a function declared as Promise', () => 1, Promise, 'promise'],
    ['a function declared as Observable', () => 1, Observable, 'observable'],
    ['one of another copy of rxjs', () => 1, ObservableOfAnotherCopy, 'observable'],
    ['a function declared as string', () => 1, String, 'sync'],
    ['a function declared as number', () => 1, Number, 'sync'],
    ['a function declared as boolean', () => 1, Boolean, 'sync'],
    ['a function declared as array', () => 1, Array, 'sync'],
    ['a function declared as something', () => 1, Object, 'unknown'],
    ['a function with a name that says nothing', () => 1, { name: 'Observable' }, 'unknown'],
    ['a function not declared', () => 1, undefined, 'unknown'],
  ])('%s', (_what, method, declared, kind) => {
    expect(kindOfMethod(method, declared)).toBe(kind);
  });
});

describe('anything as a stream', () => {
  it.each<[string, unknown, unknown[]]>([
    ['a promise', Promise.resolve('value'), ['value']],
    ['a promise of another library', thenable, ['value']],
    ['an Observable', of(1, 2), [1, 2]],
    ['an async iterable', numbers(), [1, 2]],
    ['an array is one value', [1, 2], [[1, 2]]],
    ['a text is one value', 'text', ['text']],
    ['undefined', undefined, [undefined]],
  ])('%s', async (_what, value, items) => {
    expect(await lastValueFrom(toObservable(value).pipe(toArray()))).toEqual(items);
  });
});
