import { runInNewContext } from 'node:vm';

import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';

import { argumentKey, CallKeys } from './argument-key.js';

const runs = Number(process.env['PROPERTY_RUNS'] ?? 1_000);

/** JSON has no -0, and as a key it is 0. */
const positiveZero = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;
/** The same value, with the keys of every object written in the opposite order. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, field]) => [name, reversed(field)]),
  );
}

describe('The key of arguments', () => {
  it('is the same for the same values, whatever the order of their keys', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 4 }), (args) => {
        expect(argumentKey(args.map(reversed))).toBe(argumentKey(args));
        expect(argumentKey(args)).toEqual(expect.any(String));
      }),
      { numRuns: runs },
    );
  });

  it('differs for different values', () => {
    const args = fc.array(fc.jsonValue().map(positiveZero), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(args, args, (one, other) => {
        const same = JSON.stringify(canonical(one)) === JSON.stringify(canonical(other));
        expect(argumentKey(one) === argumentKey(other)).toBe(same);
      }),
      { numRuns: runs },
    );
  });

  it.each<[string, unknown[], unknown[]]>([
    ['a number and its text', [1], ['1']],
    ['a bigint and a number', [1n], [1]],
    ['null and the text null', [null], ['null']],
    ['undefined and null', [undefined, 1], [null, 1]],
    ['a date and its time', [new Date(5)], [5]],
    ['two dates', [new Date(5)], [new Date(6)]],
    ['two arguments and one list', ['a', 'b'], [['a', 'b']]],
    ['a list and its text', [['a']], ['["a",]']],
    ['a missing field and an undefined one', [{ a: undefined }], [{}]],
    ['NaN and null', [NaN], [null]],
    ['the position of what is undefined', [undefined, 'a'], ['a', undefined]],
  ])('tells %s apart', (_what, one, other) => {
    expect(argumentKey(one)).not.toBe(argumentKey(other));
  });

  it.each<[string, unknown[], unknown[]]>([
    ['trailing undefined', ['a', undefined], ['a']],
    ['a signal', ['a', new AbortController().signal], ['a']],
    ['a signal in front', [new AbortController().signal, 'a'], [undefined, 'a']],
    ['the signal in the last argument', ['a', { page: 1, signal: new AbortController().signal }], ['a', { page: 1 }]],
    ['a last argument that is only { signal }', ['a', { signal: new AbortController().signal }], ['a']],
    ['an object without a prototype', [Object.assign(Object.create(null) as object, { a: 1 })], [{ a: 1 }]],
    ['an object and a date of another realm', [runInNewContext('({ at: new Date(5) })')], [{ at: new Date(5) }]],
    ['-0 and 0', [-0], [0]],
    ['a hole in a list', [[, 1]], [[undefined, 1]]], // eslint-disable-line no-sparse-arrays
  ])('makes no difference of %s', (_what, one, other) => {
    expect(argumentKey(one)).toBe(argumentKey(other));
  });

  it('knows nothing of the argument that is the attempt', () => {
    expect(argumentKey(['a', new (class Attempt {})()], 1)).toBe(argumentKey(['a']));
    expect(argumentKey([new (class Attempt {})(), 'a'], 0)).toBe(argumentKey([undefined, 'a']));
  });

  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['an instance of a class', new (class User {})()],
    ['a map', new Map()],
    ['a buffer', Buffer.from('a')],
    ['an object with symbols', { [Symbol('s')]: 1 }],
    ['a cycle', cycle],
    ["a signal that is not the last argument's own", { deep: { signal: new AbortController().signal } }],
    ['a request, although it has a signal', new Request('http://localhost/')],
  ])('does not exist for %s', (_what, value) => {
    expect(argumentKey([value])).toBeUndefined();
    expect(argumentKey([{ list: [value] }, 'a'])).toBeUndefined();
  });

  it('stays short, however long the arguments are', () => {
    const long = 'a'.repeat(100_000);

    expect(argumentKey([long])!.length).toBeLessThan(100);
    expect(argumentKey([long])).not.toBe(argumentKey([`${long}b`]));
    expect(argumentKey([long])).toBe(argumentKey([long]));
  });
});

describe('The keys of a policy', () => {
  it("are the user's own where he gives a function", () => {
    const warn = jest.fn();
    const keys = new CallKeys((tenant, id) => `${String(tenant)}/${String(id)}`, -1, warn);

    expect(keys.of(['t', 5, () => 1])).toBe('t/5');
    expect(warn).not.toHaveBeenCalled();
  });

  it('may be missing, which is no reason to warn where the user said so', () => {
    const warn = jest.fn();

    expect(new CallKeys(() => undefined, -1, warn).of([1])).toBeUndefined();
    expect(warn).not.toHaveBeenCalled();
  });

  it('warn once, naming the first argument that has none', () => {
    const warn = jest.fn();
    const keys = new CallKeys(undefined, -1, warn);

    keys.of(['a', () => 1, () => 2]);
    keys.of([() => 1]);

    expect(warn.mock.calls).toEqual([[2]]);
  });

  it('throw what the function of the user throws', () => {
    const keys = new CallKeys(
      () => {
        throw new Error('no tenant');
      },
      -1,
      () => undefined,
    );

    expect(() => keys.of([])).toThrow('no tenant');
  });
});

/** Objects with equal entries in one order: by name. */
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(canonical);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, field]) => ({ name, field: canonical(field) })).concat({ name: '{}', field: 0 });
}
