import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseCutJson } from './cut-json.js';

describe('parseCutJson', () => {
  it.each([
    ['{"a":[1,2,{"b":"tex', { a: [1, 2, { b: 'tex...' }] }],
    ['{"a":1,"b', { a: 1 }],
    ['{"a":1,"b"', { a: 1 }],
    ['{"a":1,"b":', { a: 1 }],
    ['{"a":1,"b":12', { a: 1 }],
    ['[true,fal', [true]],
    ['["one","two"', ['one', 'two']],
    ['["\\u12', ['...']],
    ['["a\\', ['a...']],
    ['["a\\\\', ['a\\...']],
    ['["a\\"', ['a"...']],
    ['["\ud83d', ['...']],
    ['[[[', [[[]]]],
    ['', undefined],
    ['12', undefined],
  ])('reads %j', (text, expected) => {
    expect(parseCutJson(text)).toEqual(expected);
  });

  it('reads a whole text as JSON does, and its beginnings without an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (value) => {
        const text = JSON.stringify(value);

        expect(parseCutJson(text)).toEqual(JSON.parse(text));
        for (let length = 0; length < text.length; length++) parseCutJson(text.slice(0, length));
      }),
    );
  });

  it('reads a run of backslashes, quotes or brackets in one go', () => {
    for (const piece of ['\\\\', '\\"', '\\u0000']) expect(parseCutJson(`["${piece.repeat(20_000)}`)).toHaveLength(1);
    for (const piece of ['[', '{"a":', '1,', '{},']) expect(parseCutJson(`[${piece.repeat(20_000)}`)).toBeDefined();
  });
});
