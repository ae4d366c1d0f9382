import { describe, expect, it } from '@jest/globals';
import { toJsonValue, WorkflowValueError } from './json-value.js';

const kept = (value: unknown): unknown => toJsonValue(value, 'the result', 1_000_000);

class Money {
  private readonly secret = 'x';
  constructor(
    readonly cents: number,
    readonly note?: string,
  ) {}
  get euros(): number {
    return this.cents / 100 + this.secret.length;
  }
}
class Hidden {
  readonly #value = 1;
  get value(): number {
    return this.#value;
  }
}
class Empty {}

describe('a value of a workflow', () => {
  it.each<readonly [string, unknown, unknown]>([
    ['plain data', { a: [1, 'b', null, true, { c: -0.5 }] }, { a: [1, 'b', null, true, { c: -0.5 }] }],
    ['nothing', undefined, null],
    ['fields that are undefined', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined in a list', [1, undefined], [1, null]],
    ['a Date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['a URL', new URL('http://a/b'), 'http://a/b'],
    ['a Buffer', Buffer.from('a'), { type: 'Buffer', data: [97] }],
    ['the fields of a class', new Money(7), { cents: 7, secret: 'x' }],
    ['a class without fields', new Empty(), {}],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    ['what an object makes of itself', { toJSON: () => ({ a: 1 }) }, { a: 1 }],
    ['the same object twice', ((one) => [one, one])({ a: 1 }), [{ a: 1 }, { a: 1 }]],
    ['a key such as __proto__', JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
  ])('keeps %s', (_, value, expected) => {
    expect(kept(value)).toEqual(expected);
  });

  const cycle: Record<string, unknown> = { a: [] };
  (cycle['a'] as unknown[]).push({ back: cycle });

  it.each<readonly [string, unknown, RegExp]>([
    ['a Map', new Map([['a', 1]]), /^the result cannot be stored: a Map is no JSON/],
    ['an empty Map', { tags: new Map() }, /a Map at tags is no JSON/],
    ['a Set in a list', { items: [{}, { tags: new Set([1]) }] }, /a Set at items\[1\]\.tags is no JSON/],
    ['a WeakMap', [new WeakMap()], /a WeakMap at \[0\]/],
    ['NaN', { total: NaN }, /NaN at total/],
    ['Infinity', { a: { 'b c': [Infinity] } }, /Infinity at a\["b c"\]\[0\]/],
    ['-Infinity', -Infinity, /-Infinity is no JSON/],
    ['a BigInt', { id: 10n }, /the BigInt 10n at id/],
    ['a Date that is none', { at: new Date('x') }, /an invalid Date at at/],
    ['a function', { a: () => 1 }, /a function at a/],
    ['a class', { a: Money }, /a function at a/],
    ['a symbol', [Symbol('s')], /a symbol at \[0\]/],
    ['an error', { error: new TypeError('no') }, /an error \(TypeError: no\) at error/],
    ['an error with fields', Object.assign(new Error('no'), { code: 7 }), /an error \(Error: no\) is no JSON/],
    [
      'the outcome of allSettled',
      [{ status: 'rejected', reason: new Error('no') }],
      /an error \(Error: no\) at \[0\]\.reason/,
    ],
    ['a promise', { a: Promise.resolve(1) }, /a Promise at a/],
    ['a regular expression', { a: /x/ }, /a RegExp at a/],
    ['a typed array', { a: new Float32Array(2) }, /a Float32Array at a/],
    ['bytes', new Uint8Array([1]), /an? Uint8Array is no JSON/],
    ['a buffer without a view', { a: new ArrayBuffer(2) }, /an ArrayBuffer at a/],
    ['a response', { a: new Response('x') }, /a Response at a/],
    ['headers', { a: new Headers({ b: 'c' }) }, /a Headers at a/],
    ['parameters', new URLSearchParams('a=1'), /an URLSearchParams is no JSON/],
    ['private state', { a: new Hidden() }, /a Hidden at a/],
    ['itself', cycle, /a circular reference at a\[0\]\.back/],
    ['what toJSON hides', { a: { toJSON: () => ({ b: new Map() }) } }, /a Map at a\.b/],
  ])('does not lose %s silently', (_, value, message) => {
    expect(() => kept(value)).toThrow(WorkflowValueError);
    expect(() => kept(value)).toThrow(message);
  });

  it('is refused with what toJSON throws, and when it is nested without end', () => {
    const thrower = { toJSON: () => { throw new Error('not now'); } }; // prettier-ignore
    let deep: unknown[] = [];
    for (let level = 0; level < 200_000; level++) deep = [deep];

    expect(() => kept(thrower)).toThrow('the result cannot be stored: not now');
    expect(() => kept(deep)).toThrow(WorkflowValueError);
  });
});
