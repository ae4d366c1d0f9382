import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { answerSchema } from './answer-schema.js';
import type { JsonSchema } from '../llm.request.js';

const CITY = { type: 'object', required: ['city'], properties: { city: { type: 'string' } } };
const TREE = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#' } } },
};

async function check(text: string, schema: JsonSchema = CITY) {
  return (await answerSchema(schema)).check(text);
}

describe('an answer that is nearly the JSON that was asked for', () => {
  it('is taken as it is when it is JSON', async () => {
    await expect(check('{"city":"Paris"}')).resolves.toEqual({ ok: true, object: { city: 'Paris' }, mended: [] });
  });

  it.each<[string, string, string[]]>([
    ['a fence', '```json\n{"city":"Paris"}\n```', ['a fence']],
    ['a fence of another name', '```JSON5\n{city: "Paris"}\n```', ['a fence', 'unquoted names']],
    ['small talk', 'Sure! Here it is:\n{"city":"Paris"}\nAnything else?', ['text around it']],
    ['small talk and a fence', 'Sure!\n```\n{"city":"Paris"}\n```\n', ['a fence', 'text around it']],
    ['thoughts', '<think>They want {"city": ...}, so {city}</think>\n{"city":"Paris"}', ['thoughts']],
    ['thoughts with a draft', '<thinking>{"city":"Rome"}? No.</thinking>{"city":"Paris"}', ['thoughts']],
    ['thoughts that the server began', 'A city {"city":"Rome"}\n</think>\n\n{"city":"Paris"}', ['thoughts']],
    ['thoughts of Mistral', '[THINK]so {a}[/THINK]{"city":"Paris"}', ['thoughts']],
    ['channels', '<|channel|>analysis<|message|>{"city":"Rome"}<|end|><|start|>assistant<|channel|>final<|message|>{"city":"Paris"}', ['thoughts']], // prettier-ignore
    ['code before it', 'I ran:\n```python\nprint({})\n```\nso:\n```json\n{"city":"Paris"}\n```', ['several values']],
    ['braces before it', 'For the set {a, b} the answer is {"city":"Paris"}', ['text around it']],
    ['its form before it', 'The form is {"city": ...}, so: {"city":"Paris"}', ['text around it']],
    ['a template that doubles braces', '{{"city":"Paris"}}', ['text around it']],
    ['a note behind it', '{"city":"Paris"}\n\nNote: {draft}', ['text around it']],
    ['itself again', '{"city":"Paris"}\n{"city":"Paris"}', ['several values']],
    ['a correction', '{"city":"Rome"}\nNo, it is {"city":"Paris"}', ['several values']],
    ['another value behind it', '{"city":"Paris"}\n{"sources":[1]}', ['several values']],
    ['a trailing comma', '{"city":"Paris",}', ['trailing commas']],
    ['trailing commas inside', '{"city":"Paris","all":[1,2,],}', ['trailing commas']],
    ['a comment', '{"city":"Paris" // the capital\n}', ['comments']],
    ['comments of all kinds', '{/* { */"city":"Paris", # yes\n"n":1}', ['comments']],
    ['single quotes', "{'city':'Paris'}", ['quotes']],
    ['typographic quotes', '{“city”: “Paris”}', ['quotes']],
    ['an escaped apostrophe', '{"city":"Paris","x":"it\\\'s"}', ['quotes']],
    ['unquoted names', '{city:"Paris"}', ['unquoted names']],
    ["Python's constants", '{"city":"Paris","a":True,"b":None,"c":[False]}', ["Python's constants"]],
    ['Python', "{'city': 'Paris', 'a': True}", ['quotes', "Python's constants"]],
    ['a text over two lines', '{"city":"Paris","x":"a\nb"}', ['line breaks in texts']],
    ['a comma that is missing between lines', '{"n":1\n"city":"Paris"}', ['missing commas']],
    ['a byte order mark', '\ufeff{"city":"Paris"}', []],
  ])('is mended, and says so: %s', async (_, text, mended) => {
    await expect(check(text)).resolves.toEqual({
      ok: true,
      object: expect.objectContaining({ city: 'Paris' }),
      mended,
    });
  });

  it.each<[string, string, unknown, JsonSchema]>([
    ['lists', 'Here: [1, 2,]', [1, 2], { type: 'array', items: { type: 'number' } }],
    ['a text in a fence', '```json\n"Paris"\n```', 'Paris', { type: 'string' }],
    ['a text in single quotes', "'Paris'", 'Paris', { type: 'string' }],
    ['a constant of Python', 'True', true, { type: 'boolean' }],
    ['a number behind thoughts', '<think>41 + 1</think>42', 42, { type: 'integer' }],
  ])('may be no object: %s', async (_, text, object, schema) => {
    await expect(check(text, schema)).resolves.toMatchObject({ ok: true, object });
  });

  it('keeps names that mean something else to JavaScript', async () => {
    const answer = await check('{"city":"Paris","__proto__":{"x":1},}');

    expect(answer.ok && Object.getOwnPropertyNames(answer.object)).toEqual(['city', '__proto__']);
  });

  it('leaves what stands in texts alone', async () => {
    const html = '<think>no</think> ```js\n// {x}\n``` True, None,}';
    const text = `\`\`\`json\n${JSON.stringify({ city: html })}\n\`\`\``;

    await expect(check(JSON.stringify({ city: html }))).resolves.toMatchObject({ object: { city: html }, mended: [] });
    await expect(check(text.replace('</think>', ''))).resolves.toMatchObject({
      object: { city: html.replace('</think>', '') },
    });
  });

  it.each<[string, string, JsonSchema?]>([
    ['is empty', ' '],
    ['is prose', 'I cannot say. {sorry}'],
    ['is cut off', '{"city":"Par'],
    ['is cut off after a whole part', '{"name":"root","children":[{"name":"a"}', TREE],
    ['is cut off in a list', '[{"city":"Paris"},{"city":'],
    ['is cut off in a fence', '```json\n{"name":"root","children":[{"name":"a"},', TREE],
    ['is cut off behind a draft', '{"city":"Rome"} or rather {"city":"Par'],
    ['is broken around a whole part', '{"name":"root" "children":[{"name":"a"}]}', TREE],
    ['has a name without a value', '{"city":}'],
    ['has an apostrophe that ends its text', "{'city': 'it's'}"],
    ['has quotes within a text', '{"city":"the "big" one"}'],
    ['escapes what nobody knows', '{"city":"\\alpha",}'],
    ['has no value that JSON knows', '{"city":"Paris","n":NaN}'],
    ['has numbers of another kind', '{"city":"Paris","n":0x10}'],
    ['ends within its thoughts', '<think>{"city":"Paris"}'],
    ['is only a draft', '<think>{"city":"Paris"}</think>'],
  ])('is not mended when it %s', async (_, text, schema = CITY) => {
    await expect(check(text, schema)).resolves.toMatchObject({ ok: false, problems: [expect.any(String)] });
  });

  it('says where it went wrong', async () => {
    await expect(check('{"city":"Paris","n":NaN}')).resolves.toMatchObject({
      problems: ['the answer is not JSON: a value is expected at character 21, not "NaN}"'],
    });
    await expect(check('{"city":"Par')).resolves.toMatchObject({ problems: [expect.stringContaining('not JSON')] });
  });

  it('tells what is wrong with the likeliest value when none fits', async () => {
    await expect(check('{"a":1} then {"city":5}')).resolves.toMatchObject({
      problems: ['/city must be string, got number'],
    });
  });
});

describe('nulls of fields that may be left out', () => {
  const schema = {
    ...{ type: 'object', required: ['a'], additionalProperties: false },
    properties: {
      ...{ a: { type: 'string' }, b: { type: 'string' }, c: { enum: ['x'] }, 'd/e': { type: 'number' } },
      list: { type: 'array', items: { type: 'object', properties: { f: { type: 'number' } } } },
      both: { type: ['string', 'null'] },
    },
  };

  it('are left out', async () => {
    await expect(
      check('{"a":"1","b":null,"c":null,"d/e":null,"list":[{"f":null}],"both":null}', schema),
    ).resolves.toEqual({ ok: true, object: { a: '1', list: [{}], both: null }, mended: ['nulls'] });
  });

  it('are left out for zod as well', async () => {
    const { check: checkZod } = await answerSchema(z.object({ a: z.string(), b: z.string().optional() }));

    await expect(checkZod('{"a":"1","b":null}')).resolves.toEqual({ ok: true, object: { a: '1' }, mended: ['nulls'] });
  });

  it.each([
    ['a field that must be there', '{"a":null}', '/a must be string, got null'],
    ['an item of a list', '{"a":"1","list":[null]}', '/list/0 must be object, got null'],
  ])('are problems in %s', async (_, text, problem) => {
    await expect(check(text, schema)).resolves.toMatchObject({ ok: false, problems: [problem] });
  });
});

describe('numbers that JavaScript cannot keep', () => {
  it.each([
    ['12345678901234567890'],
    ['-9007199254740993'],
    ['10000000000000000'],
    ['1e400'],
    ['-1e400'],
    ['1e-400'],
    ['3.14159265358979323846'],
    ['0.1234567890123456789'],
  ])('are told and not rounded: %s', async (literal) => {
    const problems = [`/a/0/n is ${literal}, which no number keeps as it is; send it as a text`];

    await expect(check(`{"a":[{"n":${literal}}]}`, {})).resolves.toEqual({ ok: false, problems });
    await expect(check(`Here: {"a":[{"n":${literal},}]}`, {})).resolves.toEqual({ ok: false, problems });
  });

  it.each([
    ['0'],
    ['-0'],
    ['9007199254740991'],
    ['1.50'],
    ['1e21'],
    ['6.02214076e23'],
    ['0.30000000000000004'],
    ['5e-324'],
    ['1.7976931348623157e308'],
    ['100000000000000'], // prettier-ignore
  ])('are others than %s', async (literal) => {
    await expect(check(`{"n":${literal}}`, {})).resolves.toMatchObject({ ok: true, object: { n: Number(literal) } });
  });

  it('are no problem in a text', async () => {
    const id = '12345678901234567890';

    await expect(check(`{"id":"${id}"}`, {})).resolves.toMatchObject({ ok: true, object: { id } });
  });

  it('are told for zod as well', async () => {
    const { check: checkZod } = await answerSchema(z.object({ total: z.number() }));

    await expect(checkZod('{"total":12345678901234567890}')).resolves.toMatchObject({
      problems: ['/total is 12345678901234567890, which no number keeps as it is; send it as a text'],
    });
  });
});

describe('answers that would keep the process busy', () => {
  it.each([
    ['brackets', '['.repeat(200_000)],
    ['braces', '{'.repeat(200_000)],
    ['names without an end', `{'`.repeat(100_000)],
    ['quotes', '{"a":"\\"'.repeat(50_000)],
    ['fences', '```json\n'.repeat(50_000)],
    ['comments', '{/*'.repeat(100_000)],
    ['values', '{}'.repeat(100_000)],
    ['beginnings', '{a:'.repeat(100_000)],
    ['digits', `{"city":1${'0'.repeat(500_000)}}`],
  ])('are read in a time that grows with their length: %s', async (_, text) => {
    await expect(check(text)).resolves.toMatchObject({ ok: false });
  });

  it('are still mended among many spaces', async () => {
    await expect(check(`{"city":"Paris",}${' '.repeat(500_000)}x`)).resolves.toMatchObject({ ok: true });
  });
});
