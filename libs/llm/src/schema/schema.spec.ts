import { describe, expect, it } from '@jest/globals';
import { jsonSchema } from 'ai';
import { z } from 'zod';
import { isStrictSchema } from '../providers/strict-schema.js';
import { answerSchema } from './answer-schema.js';
import { checkJson } from './check-json.js';
import { readJson } from './read-json.js';

describe('reading JSON out of an answer', () => {
  it.each([['{"a":1}'], ['Sure! Here it is:\n```json\n{"a":1}\n```\nAnything else?'], ['The answer is {"a":1}.']])(
    'finds it in %j',
    (text) => {
      expect(readJson(text)).toEqual({ ok: true, value: { a: 1 } });
    },
  );

  it.each([[''], ['no'], ['{"a":']])('says what is wrong with %j', (text) => {
    expect(readJson(text)).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/the answer is (empty|not JSON)/),
    });
  });
});

describe('checking against a JSON Schema', () => {
  const schema = {
    type: 'object',
    required: ['label', 'score'],
    additionalProperties: false,
    properties: {
      label: { enum: ['spam', 'ham'] },
      score: { type: 'number', minimum: 0, maximum: 1 },
      tags: { type: 'array', items: { type: 'string', minLength: 2 }, maxItems: 2 },
      note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    },
  };

  it('accepts what matches', () => {
    expect(checkJson({ label: 'spam', score: 0.5, tags: ['ab'], note: null }, schema)).toEqual([]);
  });

  it('names every problem with its place', () => {
    const problems = checkJson({ label: 'eggs', tags: ['a', 'bc', 'de'], note: 1, more: true }, schema);

    expect(problems).toEqual([
      '/score is missing',
      '/label must be one of "spam", "ham", got "eggs"',
      '/tags must have at most 2 items',
      '/tags/0 must have at least 2 characters',
      '/note must be string, got number',
      '/more is not allowed',
    ]);
  });

  it('reads patterns as they are written, with and without unicode, and ignores what is none', () => {
    const matches = (pattern: string, value: string) => checkJson(value, { type: 'string', pattern });

    expect(matches('^\\d{3}\\-\\d{4}$', '555-1234')).toEqual([]);
    expect(matches('^\\d{3}\\-\\d{4}$', 'none')).toEqual(['the answer must match ^\\d{3}\\-\\d{4}$']);
    expect(matches('^\\p{L}+$', 'été')).toEqual([]);
    expect(matches('(', 'anything')).toEqual([]);
  });

  it('wants both anyOf and oneOf where both are given', () => {
    const schema = {
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
      oneOf: [{ required: ['c'] }, { required: ['d'] }],
    };

    expect(checkJson({ a: 1, c: 1 }, schema)).toEqual([]);
    expect(checkJson({ a: 1 }, schema)).toEqual(['/c is missing']);
  });

  it('tells whole numbers from others and follows references', () => {
    const recursive = {
      $ref: '#/$defs/n',
      $defs: { n: { type: 'object', properties: { n: { type: 'integer' }, next: { $ref: '#/$defs/n' } } } },
    };

    expect(checkJson({ n: 1, next: { n: 2 } }, recursive)).toEqual([]);
    expect(checkJson({ n: 1, next: { n: 2.5 } }, recursive)).toEqual(['/next/n must be integer, got number']);
  });
});

describe('schemas of every kind', () => {
  const plain = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };

  it.each([
    ['zod', z.object({ n: z.number() })],
    ['plain JSON Schema', plain],
    ['jsonSchema() of ai', jsonSchema<{ n: number }>(plain as Parameters<typeof jsonSchema>[0])],
  ])('check answers: %s', async (_kind, schema) => {
    const { jsonSchema: sent, check } = await answerSchema(schema);

    expect(sent).toMatchObject({ type: 'object', required: ['n'] });
    await expect(check('{"n":1}')).resolves.toEqual({ ok: true, object: { n: 1 } });
    await expect(check('{"n":"one"}')).resolves.toMatchObject({ ok: false, problems: [expect.stringContaining('/n')] });
    await expect(check('sorry')).resolves.toMatchObject({ ok: false, problems: [expect.stringContaining('not JSON')] });
  });

  it('do not accept what they fail to check', async () => {
    const endless = { allOf: [{ $ref: '#' }] };
    const { check } = await answerSchema(endless);

    await expect(check('{}')).resolves.toMatchObject({ ok: false, problems: [expect.stringContaining('call stack')] });
  });

  it('let zod transform what it checks', async () => {
    const { check } = await answerSchema(z.object({ at: z.string().transform((text) => text.length) }));

    await expect(check('{"at":"four"}')).resolves.toEqual({ ok: true, object: { at: 4 } });
  });
});

describe("OpenAI's strict mode", () => {
  it('is used only for schemas it accepts', () => {
    const strict = {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    };

    expect(isStrictSchema(strict)).toBe(true);
    expect(isStrictSchema({ ...strict, required: [] })).toBe(false);
    expect(
      isStrictSchema({
        type: 'object',
        properties: { a: { type: 'object' } },
        required: ['a'],
        additionalProperties: false,
      }),
    ).toBe(false);
  });
});

describe('a check that would not end', () => {
  it('gives up a pattern that backtracks for ever, and says which', () => {
    const schema = { type: 'object', properties: { id: { type: 'string', pattern: '^(a+)+$' } } };

    expect(() => checkJson({ id: `${'a'.repeat(40)}!` }, schema)).toThrow(
      /the pattern \^\(a\+\)\+\$ .* more than 100 ms/,
    );
  });

  it('counts the searches of one check together', () => {
    const schema = { type: 'array', items: { pattern: '^(a|aa)+$' } };
    const answers = Array.from({ length: 50_000 }, () => `${'a'.repeat(28)}!`);

    expect(() => checkJson(answers, schema)).toThrow(/more than 100 ms/);
  });

  it('gives up variants that double with each level', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
    const variant = { type: 'object', properties: { a: { $ref: '#' } }, required: ['b'] };

    expect(() => checkJson(nested(60), { anyOf: [variant, variant] })).toThrow(/more than 500000 steps/);
  });
});
