import { describe, expect, it } from '@jest/globals';

import { ResilienceOptionsError } from '../errors.js';
import * as option from './index.js';

const SPEC = option.options(
  {
    name: option.text(),
    tries: option.whole(3, { min: 1, max: 9 }),
    wait: option.duration('1s', { min: 10 }),
    limit: option.duration(Infinity),
    share: option.number(0.5, { above: 0, max: 1 }),
    on: option.flag(true),
    order: option.oneOf('old', ['old', 'new']),
    each: option.fn<(one: string) => boolean>(),
    which: option.errors(),
    key: option.key<string>(),
    maxKeys: option.needs('key', option.whole(10, { min: 1 })),
    log: option.withMethods<{ write(): void; end(): void }>('write', 'end'),
    pace: option.either(option.oneOf('slow', ['slow', 'fast']), option.number(0, { min: 0 })),
    cost: option.either(option.flag(false), option.fn<() => boolean>(), 'true, false or a function'),
    part: option.orFalse(option.options({ ratio: option.number(0.2, { min: 0 }) })),
    more: option.switchOf(option.options({ size: option.whole(7, { min: 0 }) })),
    none: option.orNone(option.options({ size: option.required(option.whole(undefined, { min: 0 })) })),
    any: option.anything<object>(),
  },
  {
    shorthand: 'tries',
    infer: (given) => (given.share === 1 ? { order: 'new', ...given } : given),
    check: ({ given, at, input }) => {
      if (given.on === false && given.name !== undefined) at.refuse(input, 'a name only while it is on');
    },
  },
);

const DEFAULTS = { tries: 3, share: 0.5, on: true, order: 'old', pace: 'slow', cost: false, part: { ratio: 0.2 } };

const problemsOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof ResilienceOptionsError) return error.problems;
    throw error;
  }
  return [];
};
const refused = (input: unknown) => problemsOf(() => option.read<unknown, unknown>(SPEC, input, 'Shop'));

describe('Options', () => {
  it('have the defaults of their spec, durations in milliseconds', () => {
    expect(option.read(SPEC, undefined, 'Shop')).toEqual({ ...DEFAULTS, wait: 1000, limit: Infinity, maxKeys: 10 });
  });

  it('tell their defaults as they are written, without those that are none', () => {
    expect(SPEC.default).toEqual({ ...DEFAULTS, wait: '1s', maxKeys: 10 });
    expect(Object.keys(SPEC.default)).not.toContain('limit');
  });

  it('take what is given', () => {
    const given = {
      ...{ name: 'a', tries: 9, wait: '2s', limit: 5, share: 1, on: true, key: () => 'k', maxKeys: 2, pace: 4 },
      ...{ part: false as const, more: true, each: () => true, which: TypeError, any: DEFAULTS, none: { size: 1 } },
      ...{ cost: () => true, log: { write: () => undefined, end: () => undefined } },
    };

    const read = option.read(SPEC, given, 'Shop');

    expect(read).toEqual({ ...given, wait: 2000, order: 'new', part: undefined, more: { size: 7 } });
  });

  it('take a bare value of the type of their shorthand', () => {
    expect(option.read(SPEC, 4, 'Shop')).toMatchObject({ tries: 4, order: 'old' });
    expect(refused(0)).toEqual([{ path: 'Shop > tries', value: 0, allowed: 'a whole number from 1 to 9' }]);
    expect(refused('4')).toMatchObject(
      [{ path: 'Shop', allowed: /^an options object with name, tries, wait, / }].map(({ path, allowed }) => ({
        path,
        allowed: expect.stringMatching(allowed),
      })),
    );
  });

  it.each([null, [], true, 'x'])('refuse %p as a whole', (input) => {
    expect(refused(input)).toMatchObject([{ path: 'Shop', value: input }]);
  });

  it.each<[string, unknown, string]>([
    ['name', '', 'a string that is not empty'],
    ['tries', 1.5, 'a whole number from 1 to 9'],
    ['wait', 5, "a duration >= 10 such as 500 (milliseconds) or '30s'"],
    ['limit', Infinity, "a duration >= 0 such as 500 (milliseconds) or '30s'"],
    ['share', 0, 'a number above 0 and up to 1'],
    ['on', 'true', 'true or false'],
    ['order', 'odl', "one of 'old', 'new' (did you mean 'old'?)"],
    ['each', 5, 'a function'],
    ['which', 'Error', 'an Error class, a predicate (error) => boolean, or an array of those'],
    ['log', { write: () => undefined }, 'an object with the methods write, end'],
    ['pace', -1, 'a number >= 0'],
    ['pace', 'fats', "one of 'slow', 'fast' (did you mean 'fast'?)"],
    ['pace', null, "one of 'slow', 'fast'"],
    ['cost', 1, 'true, false or a function'],
    ['part', true, 'an options object with ratio'],
    ['more', 5, 'an options object with size'],
    ['maxKeys', 5, 'nothing without key'],
  ])('refuse { %s: %p }', (name, value, allowed) => {
    expect(refused({ [name]: value })).toEqual([{ path: `Shop > ${name}`, value, allowed }]);
  });

  it.each(['each', 'which', 'key', 'cost'])('refuse a function %s that answers later', (name) => {
    const later = () => Promise.resolve(true);
    expect(refused({ [name]: later })).toEqual([]);
    expect(refused({ [name]: async () => true })).toMatchObject([
      { path: `Shop > ${name}`, allowed: expect.stringContaining('answers at once') },
    ]);
  });

  it('name what is missing, unknown and contradictory, all at once and where it is', () => {
    const given = { tires: 1, part: { ration: 1 }, none: {}, on: false, name: 'a' };

    expect(refused(given)).toEqual([
      { path: 'Shop > tires', value: 1, allowed: expect.stringMatching(/^no such option \(did you mean 'tries'\?\)/) },
      { path: 'Shop > part > ration', value: 1, allowed: expect.stringContaining("did you mean 'ratio'?") },
      { path: 'Shop > none > size', value: undefined, allowed: 'a whole number >= 0' },
      { path: 'Shop', value: given, allowed: 'a name only while it is on' },
    ]);
  });

  it('are off behind a switch until somebody asks', () => {
    const { more } = SPEC.spec;

    expect(option.read(more, undefined, 'p')).toBeUndefined();
    expect(option.read(more, false, 'p')).toBeUndefined();
    expect(option.read(more, true, 'p')).toEqual({ size: 7 });
    expect(option.read(more, { size: 1 }, 'p')).toEqual({ size: 1 });
  });

  it('can be read into something else', () => {
    const doubled = option.map(option.whole(3, { min: 1 }), (n) => n * 2);

    expect(option.read(option.options({ n: doubled }), {}, 'p')).toEqual({ n: 6 });
    expect(option.read(doubled, 5, 'p')).toBe(10);
    expect(problemsOf(() => option.read(doubled, 0, 'p'))).toMatchObject([{ path: 'p', value: 0 }]);
  });

  it('stand in with the default for what was refused, so that nothing else breaks', () => {
    const spec = option.options({
      list: option.custom<string[], string[]>(
        (value, at) => (Array.isArray(value) ? value : at.refuse(value, 'a list')),
        { fallback: [] },
      ),
    });
    const counted = option.map(spec, ({ list }) => list.length);

    expect(problemsOf(() => option.read<unknown, unknown>(counted, { list: 5 }, 'p'))).toEqual([
      { path: 'p > list', value: 5, allowed: 'a list' },
    ]);
  });

  it('name the items of a list', () => {
    const at = new option.Place('Shop').at('list').item(2);

    at.refuse(5, 'a text');

    expect(at.problems).toEqual([{ path: 'Shop > list[2]', value: 5, allowed: 'a text' }]);
    expect(() => at.finish()).toThrow('Shop > list[2]: got 5, expected a text');
  });

  it('have a schema of what a file can write', () => {
    const duration = { type: ['number', 'string'], description: expect.stringMatching(/^Milliseconds, /) };
    const size = { type: 'integer', minimum: 0 };
    const object = (properties: object, more = {}) => ({
      ...{ type: 'object', additionalProperties: false, properties },
      ...more,
    });

    expect(SPEC.schema).toEqual({
      anyOf: [
        { type: 'integer', minimum: 1, maximum: 9 },
        object({
          ...{ name: { type: 'string', minLength: 1 }, tries: { type: 'integer', minimum: 1, maximum: 9 } },
          ...{ wait: duration, limit: duration, share: { type: 'number', exclusiveMinimum: 0, maximum: 1 } },
          ...{ on: { type: 'boolean' }, order: { enum: ['old', 'new'] }, maxKeys: { type: 'integer', minimum: 1 } },
          pace: { anyOf: [{ enum: ['slow', 'fast'] }, { type: 'number', minimum: 0 }] },
          cost: { type: 'boolean' },
          part: { anyOf: [{ const: false }, object({ ratio: { type: 'number', minimum: 0 } })] },
          more: { anyOf: [{ type: 'boolean' }, object({ size })] },
          none: object({ size }, { required: ['size'] }),
        }),
      ],
    });
  });
});
