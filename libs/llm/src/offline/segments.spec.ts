import type { JSONSchema7 } from 'ai';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readAnswer } from '../providers/read-answer.js';
import { OfflineProvider } from '../providers/offline.provider.js';
import { segmentsOf } from './segments.js';

const ROOT = new URL('../../../../', import.meta.url);
const FILES = [
  ...readdirSync(new URL('docs', ROOT)).map((name) => `docs/${name}`),
  ...readdirSync(new URL('examples/inbox', ROOT)).map((name) => `examples/inbox/${name}`),
].filter((name) => /\.(md|eml)$/.test(name));

/** Much more than a piece, and little enough for what is quadratic on Node 20. */
const TEXTS: readonly (readonly [string, string])[] = [
  ...FILES.map((name) => [name, readFileSync(new URL(name, ROOT), 'utf8').slice(0, 8_000)] as const),
  ['Chinese', '今天天气很好，我们去公园散步。他说：“明天可能会下雨”，所以最好早点出发！'.repeat(60)],
  ['Chinese without any punctuation', '我喜欢吃苹果和香蕉今天天气很好我们去公园散步'.repeat(90)],
  ['Thai', 'ฉันชอบกินข้าวผัดและดื่มน้ำส้มทุกวันในตอนเช้า'.repeat(60)],
  ['one long word', 'a'.repeat(6_000)],
  ['a word across the end of a piece', `${'x'.repeat(990)}${'word'.repeat(20)} end`],
  ['words with points and apostrophes', "isn't e.g. 3.14 a.b.c can't ".repeat(200)],
  ['no white space but commas', 'one,two;three.four/five-six_'.repeat(200)],
  ['white space only', ' \n\t'.repeat(2_000)],
  ['flags and families', '🇩🇪🇫🇷👨‍👩‍👧é'.repeat(400)],
  ['marks behind white space', 'a \u0301b '.repeat(800)],
  ['one long sentence', `${'and then '.repeat(700)}it ended. So it did.`],
  ['abbreviations', 'Mr. Smith vs. the U.S. government (no. 3) won. "Really?" he said... yes! '.repeat(90)],
];

const segmenter = {
  word: new Intl.Segmenter('en', { granularity: 'word' }),
  sentence: new Intl.Segmenter('en', { granularity: 'sentence' }),
};

describe('segments found piece by piece', () => {
  it.each(TEXTS)('are the words of the whole text: %s', (_, text) => {
    const words = (segments: Iterable<Intl.SegmentData>) =>
      [...segments].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment);

    expect(words(segmentsOf(text, 'word'))).toEqual(words(segmenter.word.segment(text)));
  });

  it.each(TEXTS)('are the sentences of the whole text: %s', (_, text) => {
    const sentences = (segments: Iterable<Intl.SegmentData>) => [...segments].map(({ segment }) => segment);

    expect(sentences(segmentsOf(text, 'sentence'))).toEqual(sentences(segmenter.sentence.segment(text)));
  });

  it.each(TEXTS)('leave nothing out: %s', (_, text) => {
    expect([...segmentsOf(text, 'word')].map(({ segment }) => segment).join('')).toBe(text);
  });
});

const SCHEMA = {
  type: 'object',
  properties: {
    title: { type: 'string' },
    summary: { type: 'string' },
    keywords: { type: 'array', items: { type: 'string' } },
    label: { enum: ['spam', 'ham'] },
    tags: { type: 'array', items: { enum: ['billing', 'technical', 'sales'] } },
    urgent: { type: 'boolean' },
    email: { type: 'string', format: 'email' },
    total: { type: 'number' },
    date: { type: 'string', format: 'date' },
  },
};

describe('the offline provider, given 100,000 characters', () => {
  const provider = new OfflineProvider('offline', 'extractive');
  const { signal } = new AbortController();

  it.each([
    ['words', 'a '.repeat(50_000)],
    ['short sentences', 'A b. '.repeat(20_000)],
    ['one word', 'a'.repeat(100_000)],
    ['half an address', 'a.b-c+d'.repeat(14_000)],
    ['white space', ' \n'.repeat(50_000)],
    ['newlines', '\n'.repeat(100_000)],
    ['a quotation that does not end', `"""${' '.repeat(100_000)}`],
    ['white space in a quotation', `"""a${' '.repeat(100_000)}b`],
    ['a fence that does not end', `\`\`\`\n${'\n'.repeat(100_000)}`],
    ['tags that are not closed', '<a>'.repeat(33_000)],
    ['tags of many names', Array.from({ length: 14_000 }, (_, i) => `<t${i}>`).join('')],
    ['choices that do not come', `Classify as one of:${'\n'.repeat(100_000)}`],
    ['numbers', '1 '.repeat(50_000)],
    ['Chinese', '我喜欢吃苹果和香蕉'.repeat(11_000)],
    ['colons', ': '.repeat(50_000)],
  ])('answers in time that grows with it: %s', async (_, text) => {
    const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text }] }];
    const responseFormat = { type: 'json' as const, schema: SCHEMA as JSONSchema7 };
    const before = process.cpuUsage();

    await provider.generate({ prompt }, { signal });
    await provider.generate({ prompt, responseFormat }, { signal });
    await provider.generate({ prompt, maxOutputTokens: 20_000 }, { signal });

    // Work, not time. What was quadratic took from ten seconds to a minute.
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(6_000);
  });

  it('fills a schema that refers to itself in every field without following it for ever', async () => {
    const schema = {
      type: 'object' as const,
      properties: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, { $ref: '#' }])),
    };

    const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Fill it.' }] }];
    const answer = await provider.generate({ prompt, responseFormat: { type: 'json', schema } }, { signal });

    expect(Object.keys(JSON.parse(readAnswer(answer).text) as object)).toHaveLength(20);
  });
});
