import { describe, expect, it } from '@jest/globals';
import { ResilienceOptionsError } from '@nest-resilience/core';
import { jsonSchema } from 'ai';
import { z } from 'zod';
import { isStrictSchema, openAiSchema } from '../providers/strict-schema.js';
import type { JsonSchema } from '../llm.request.js';
import { answerSchema } from './answer-schema.js';
import { compileSchema } from './check-json.js';

const checkJson = (value: unknown, schema: JsonSchema) => compileSchema(schema)(value).problems;

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

    expect([...problems].sort()).toEqual(
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
    ['not', { not: { type: 'string' } }, 1, 'x', 'the answer must not match {"type":"string"}'],
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
    ['formats', { format: 'email' }, 'a@b.example', 'none', 'the answer must match format "email"'],
    ['formats of days', { format: 'date' }, '2026-02-28', '2026-02-30', 'the answer must match format "date"'],
    ['formats of addresses', { format: 'url' }, 'https://a.example/b', 'a b', 'the answer must match format "url"'],
    [
      'formats that nobody knows',
      { format: 'shoe-size', type: 'string' },
      'any',
      1,
      'the answer must be string, got number',
    ],
    ['minProperties', { minProperties: 1 }, { a: 1 }, {}, 'the answer must NOT have fewer than 1 properties'],
    [
      'maxProperties',
      { maxProperties: 1 },
      { a: 1 },
      { a: 1, b: 2 },
      'the answer must NOT have more than 1 properties',
    ],
    [
      'propertyNames',
      { propertyNames: { pattern: '^a' } },
      { ab: 1 },
      { b: 1 },
      'the answer property name must be valid',
    ],
    ['contains', { contains: { const: 1 } }, [2, 1], [2], 'the answer must contain at least 1 valid item(s)'],
    [
      'minContains',
      { contains: { const: 1 }, minContains: 2 },
      [1, 1],
      [1],
      'the answer must contain at least 2 valid item(s)',
    ],
    [
      'maxContains',
      { contains: { const: 1 }, maxContains: 1 },
      [1],
      [1, 1],
      'the answer must contain at least 1 and no more than 1 valid item(s)',
    ],
    [
      'dependentRequired',
      { dependentRequired: { a: ['b'] } },
      { a: 1, b: 1 },
      { a: 1 },
      'the answer must have property b when property a is present',
    ],
    ['dependentSchemas', { dependentSchemas: { a: { required: ['b'] } } }, { b: 1 }, { a: 1 }, '/b is missing'],
    [
      'dependencies',
      { dependencies: { a: ['b'] } },
      { b: 1 },
      { a: 1 },
      'the answer must have property b when property a is present',
    ],
    [
      'unevaluatedProperties',
      { allOf: [{ properties: { a: {} } }], unevaluatedProperties: false },
      { a: 1 },
      { b: 1 },
      '/b is not allowed',
    ],
    [
      'unevaluatedItems',
      { prefixItems: [{}], unevaluatedItems: false },
      [1],
      [1, 2],
      'the answer must NOT have more than 1 items',
    ],
    [
      'items behind a prefix',
      { prefixItems: [{}], items: { type: 'string' } },
      [1, 'a'],
      [1, 2],
      '/1 must be string, got number',
    ],
    [
      'additionalProperties',
      { additionalProperties: { type: 'number' } },
      { a: 1 },
      { a: 'x' },
      '/a must be number, got string',
    ],
    ['schemas that are false', { properties: { a: false } }, { b: 1 }, { a: 1 }, '/a is not allowed'],
    [
      '$dynamicRef',
      { $dynamicAnchor: 'n', properties: { n: { $dynamicRef: '#n' }, a: { type: 'number' } } },
      { n: { a: 1 } },
      { n: { a: 'x' } },
      '/n/a must be number, got string',
    ],
    [
      '$anchor',
      { $ref: '#a', $defs: { a: { $anchor: 'a', type: 'number' } } },
      1,
      'x',
      'the answer must be number, got string',
    ],
    [
      '$recursiveRef of 2019-09',
      {
        $schema: 'https://json-schema.org/draft/2019-09/schema',
        $recursiveAnchor: true,
        properties: { n: { $recursiveRef: '#' }, a: { type: 'number' } },
      },
      { n: { a: 1 } },
      { n: { a: 'x' } },
      '/n/a must be number, got string',
    ],
    ['multipleOf of fractions', { multipleOf: 0.01 }, 19.99, 19.999, 'the answer must be multiple of 0.01'],
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
    await expect(check('{"n":1}')).resolves.toEqual({ ok: true, object: { n: 1 }, mended: [] });
    await expect(check('{"n":"one"}')).resolves.toMatchObject({ ok: false, problems: [expect.stringContaining('/n')] });
    await expect(check('sorry')).resolves.toMatchObject({ ok: false, problems: [expect.stringContaining('not JSON')] });
  });

  it.each<[string, unknown, RegExp]>([
    ['no schema', 5, /LlmService > schema: got 5, expected a zod schema/],
    [
      'a reference to elsewhere',
      { $ref: 'https://example.com/order.json' },
      /reference 'https:\/\/example\.com\/order\.json' means is not in it: put it under \$defs/,
    ],
    ['a reference to nothing', { items: { $ref: '#/$defs/none' } }, /reference '#\/\$defs\/none' means is not in it/],
    ['a circle', { allOf: [{ $ref: '#' }] }, /reference '#' leads back to itself/],
    ['a type that is none', { properties: { a: { type: 'strng' } } }, /type must be JSONType/],
    ['a bound that is none', { minimum: '3' }, /minimum value must be \["number"\]/],
  ])('are refused with the request when nothing can be checked: %s', async (_, schema, message) => {
    await expect(answerSchema(schema as JsonSchema)).rejects.toThrow(message);
    await expect(answerSchema(schema as JsonSchema)).rejects.toBeInstanceOf(ResilienceOptionsError);
  });

  it('are compiled once, also when each call writes its own', async () => {
    const write = () => ({ type: 'object', properties: { once: { type: 'string' } } });

    expect(await answerSchema(write())).toBe(await answerSchema(write()));
  });

  it('may refer to parts of their own by address', async () => {
    const { check } = await answerSchema({
      $id: 'https://example.com/tree',
      properties: { leaf: { $ref: 'leaf' } },
      $defs: { leaf: { $id: 'https://example.com/leaf', type: 'string' } },
    });

    await expect(check('{"leaf":1}')).resolves.toMatchObject({ problems: ['/leaf must be string, got number'] });
  });

  it('let zod transform what it checks', async () => {
    const { check } = await answerSchema(z.object({ at: z.string().transform((text) => text.length) }));

    await expect(check('{"at":"four"}')).resolves.toEqual({ ok: true, object: { at: 4 }, mended: [] });
  });
});

describe("OpenAI's strict mode", () => {
  const text = { type: 'string' };
  const closed = (properties: object, more: object = {}) => ({
    ...{ type: 'object', properties, required: Object.keys(properties), additionalProperties: false },
    ...more,
  });
  const nested = (levels: number): object => closed(levels === 1 ? { a: text } : { a: nested(levels - 1) });

  it.each<[string, object]>([
    ['a closed object', closed({ a: text })],
    ['one of zod', z.toJSONSchema(z.object({ a: z.string(), b: z.array(z.number()).nullable() }))],
    ['references and variants', closed({ a: { anyOf: [{ $ref: '#/$defs/n' }, { type: 'null' }] } }, { $defs: { n: closed({}) } })], // prettier-ignore
    ['bounds and formats', closed({ a: { ...text, format: 'email', pattern: '@' }, b: { type: ['number', 'null'], minimum: 0 } })], // prettier-ignore
    ['ten levels', nested(10)],
  ])('is used for %s', (_, schema) => {
    expect(isStrictSchema(schema)).toBe(true);
  });

  it.each<[string, object]>([
    ['fields that may be left out', closed({ a: text }, { required: [] })],
    ['open objects', closed({ a: { type: 'object' } })],
    ['open objects that may be null', closed({ a: { type: ['object', 'null'] } })],
    ['allOf', closed({ a: { allOf: [text] } })],
    ['oneOf', closed({ a: { oneOf: [text] } })],
    ['if', closed({ a: { ...text, if: {}, then: {} } })],
    ['lengths of texts', closed({ a: { ...text, minLength: 1 } })],
    ['patternProperties', closed({}, { patternProperties: { a: text } })],
    ['defaults', closed({ a: { ...text, default: 'x' } })],
    ['formats that it lacks', closed({ a: { ...text, format: 'uri' } })],
    ['more beside a reference', closed({ a: { $ref: '#/$defs/n', description: 'x' } }, { $defs: { n: text } })],
    ['anything', closed({ a: {} })],
    ['true', closed({ a: true })],
    ['lists of anything', closed({ a: { type: 'array' } })],
    ['definitions that it does not take', closed({ a: text }, { $defs: { n: { not: {} } } })],
    ['eleven levels', nested(11)],
    ['too many choices', closed({ a: { enum: Array.from({ length: 1001 }, (_, n) => n) } })],
  ])('is not used for %s', (_, schema) => {
    expect(isStrictSchema(schema)).toBe(false);
  });

  it.each<[string, JsonSchema, JsonSchema]>([
    ['a list', { type: 'array', items: text }, closed({ value: { type: 'array', items: text } })],
    ['a choice', { enum: ['a'] }, closed({ value: { enum: ['a'] } })],
    [
      'a tree of variants',
      {
        anyOf: [text, { type: 'array', items: { $ref: '#' } }],
        $defs: { a: { $ref: '#/anyOf/0' }, b: { $ref: '#/$defs/a' } },
      },
      closed(
        { value: { anyOf: [text, { type: 'array', items: { $ref: '#/properties/value' } }] } },
        { $defs: { a: { $ref: '#/properties/value/anyOf/0' }, b: { $ref: '#/$defs/a' } } },
      ),
    ],
    ['a reference', { $ref: '#/$defs/a', $defs: { a: closed({}) } }, closed({ value: { $ref: '#/$defs/a' } }, { $defs: { a: closed({}) } })], // prettier-ignore
  ])('gets an object around %s', (_, schema, wrapped) => {
    expect(openAiSchema(schema)).toMatchObject({ schema: wrapped, strict: true });
  });

  it('takes the value out of the object as it was written', () => {
    const { unwrap } = openAiSchema({ type: 'array' });

    expect(unwrap('{"value": [1.0, 12345678901234567890]}\n')).toBe('[1.0, 12345678901234567890]');
    expect(unwrap('{"value":{"value":1}}')).toBe('{"value":1}');
    for (const other of ['[1]', '{"value":1,"a":2}', '{"value":1}}', 'no']) expect(unwrap(other)).toBe(other);
    expect(openAiSchema({ type: 'object' }).unwrap('{"value":1}')).toBe('{"value":1}');
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
