import { describe, expect, it } from '@jest/globals';
import { jsonSchema } from 'ai';
import { z } from 'zod';
import { isStrictSchema } from '../providers/strict-schema.js';
import type { JsonSchema } from '../llm.request.js';
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

    expect(problems.sort()).toEqual(
      [
        '/score is missing',
        '/label must be one of "spam", "ham", got "eggs"',
        '/tags must NOT have more than 2 items',
        '/tags/0 must NOT have fewer than 2 characters',
        '/note must be string, got number',
        '/more is not allowed',
      ].sort(),
    );
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

  it.each<[string, object, good: unknown, bad: unknown, problem: string]>([
    [
      'oneOf',
      { oneOf: [{ type: 'number' }, { type: 'integer' }] },
      1.5,
      1,
      'the answer must match only one of its variants',
    ],
    ['not', { not: { type: 'string' } }, 1, 'x', 'the answer must NOT be valid'],
    [
      'uniqueItems',
      { uniqueItems: true },
      [1, 2],
      [1, 1],
      'the answer must NOT have duplicate items (items ## 0 and 1 are identical)',
    ],
    [
      'if',
      { if: { properties: { a: { const: 1 } }, required: ['a'] }, then: { required: ['b'] } },
      { a: 2 },
      { a: 1 },
      '/b is missing',
    ],
    ['multipleOf', { multipleOf: 5 }, 10, 7, 'the answer must be multiple of 5'],
    ['prefixItems', { prefixItems: [{ type: 'string' }] }, ['a', 1], [1], '/0 must be string, got number'],
    [
      '$ref beside others',
      { $ref: '#/$defs/t', maxLength: 1, $defs: { t: { type: 'string' } } },
      'a',
      'abc',
      'the answer must NOT have more than 1 characters',
    ],
    [
      'patternProperties',
      { patternProperties: { '^x': {} }, additionalProperties: false },
      { x1: 1 },
      { y: 1 },
      '/y is not allowed',
    ],
    [
      'enum of objects',
      { enum: [{ a: 1, b: 2 }] },
      { b: 2, a: 1 },
      { a: 1 },
      'the answer must be one of {"a":1,"b":2}, got {"a":1}',
    ],
    ['characters', { maxLength: 1 }, '😀', 'ab', 'the answer must NOT have more than 1 characters'],
    [
      'properties of what is no object',
      { properties: { a: { type: 'string' } } },
      'text',
      { a: 1 },
      '/a must be string, got number',
    ],
    [
      'a tuple of draft 7',
      { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] },
      ['a'],
      [1],
      '/0 must be string, got number',
    ],
    ['a tuple as it was written before', { items: [{ type: 'string' }] }, ['a'], [1], '/0 must be string, got number'],
    [
      'what null may be in OpenAPI',
      { type: 'string', nullable: true },
      null,
      1,
      'the answer must be string, got number',
    ],
    [
      'formats, as annotations',
      { format: 'email', type: 'string' },
      'none',
      1,
      'the answer must be string, got number',
    ],
  ])('knows %s', (_keyword, schema, good, bad, problem) => {
    expect(checkJson(good, schema as JsonSchema)).toEqual([]);
    expect(checkJson(bad, schema as JsonSchema)).toContain(problem);
  });

  it('tells of many variants only what is wrong with the nearest one', () => {
    const variant = (kind: string, more: string[]) => ({
      type: 'object',
      properties: { kind: { const: kind } },
      required: ['kind', ...more],
    });
    const schema = {
      type: 'array',
      items: { oneOf: [{ $ref: '#/$defs/cat' }, variant('dog', ['bark', 'bone'])] },
      $defs: { cat: variant('cat', ['purr']) },
    };

    expect(checkJson([{ kind: 'cat', purr: 1 }], schema)).toEqual([]);
    expect(checkJson([{ kind: 'cat' }], schema)).toEqual(['/0/purr is missing']);
    expect(checkJson([{ kind: 'dog', bark: 1 }], schema)).toEqual(['/0/bone is missing']);
    expect(checkJson(['cow'], { items: { oneOf: [{ type: 'number' }, { anyOf: [{ type: 'null' }] }] } })).toHaveLength(
      1,
    );
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
      /the pattern \^\(a\+\)\+\$ of the schema takes too long/,
    );
  });

  it('counts the searches of one check together', () => {
    const schema = { type: 'array', items: { pattern: '^(?:(?:a|aa)+b|a+!)$' } };
    const answers = Array.from({ length: 50_000 }, () => `${'a'.repeat(28)}!`);

    expect(() => checkJson(answers, schema)).toThrow(/the pattern \S+ of the schema takes too long/);
  });

  it('tells the first problem of an answer that is nothing but problems', () => {
    const answer = Array.from({ length: 1_000_000 }, (_, index) => (index === 0 ? 'x' : index));
    const problems = checkJson(answer, { items: { allOf: Array.from({ length: 9 }, () => ({ type: 'string' })) } });

    expect(problems[0]).toBe('/1 must be string, got number');
    expect(problems.length).toBeLessThanOrEqual(1_000);
  });

  it('gives up variants that double with each level', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
    const variant = { allOf: [{ properties: { a: { $ref: '#' } } }, { required: ['b'] }] };

    expect(() => checkJson(nested(60), { anyOf: [variant, variant, true] })).toThrow(/asks? for too many steps/);
  });
});
