import { describe, expect, it } from '@jest/globals';
import { compileInputSchema } from './input-schema.js';

const check = compileInputSchema({
  type: 'object',
  additionalProperties: false,
  properties: { n: { type: 'integer' }, list: { type: 'array', items: { type: 'integer' } } },
});

describe('checking an input against its schema', () => {
  it('finds nothing wrong with one that fits, however large', () => {
    expect(check({ n: 1, list: Array(50_000).fill(1) })).toEqual([]);
  });

  it('lists all that is wrong with one of ordinary size', () => {
    const problems = check({ n: 'x', list: [1, 'a', 'b'], other: 1 });

    expect(problems.map(({ field }) => field).sort()).toEqual(['list.1', 'list.2', 'n', 'other']);
  });

  it.each<[string, unknown]>([
    ['unknown fields', Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`f${n}`, 1]))],
    ['wrong items', { list: Array(80_000).fill('x') }],
    ['fields of a field', { other: Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`f${n}`, 1])) }],
  ])('looks for the first problem only among thousands: %s', (_, input) => {
    expect(check(input)).toHaveLength(1);
  });

  it.each<[string, object, unknown, unknown]>([
    ['email', { format: 'email' }, 'a@b.example', 'none'],
    ['date', { format: 'date' }, '2026-02-28', '2026-13-45'],
    ['a url', { format: 'url' }, 'https://a.example', 'a b'],
    ['a format that nobody knows', { format: 'shoe-size', maxLength: 1 }, 'x', 'xx'],
    ['cents', { multipleOf: 0.01 }, 19.99, 19.999],
  ])('knows %s', (_, schema, good, bad) => {
    const checkIt = compileInputSchema(schema as Record<string, unknown>);

    expect([checkIt(good), checkIt(bad)]).toEqual([[], [expect.objectContaining({ field: '' })]]);
  });

  it('reads long addresses in a time that grows with their length', () => {
    const checkIt = compileInputSchema({
      type: 'array',
      items: { anyOf: [{ format: 'url' }, { format: 'email' }, {}] },
    });

    expect(checkIt([`http://a/:${':'.repeat(300_000)}\u0000`, `${'a'.repeat(300_000)}@`])).toEqual([]);
  });
});
