import { describe, expect, it } from '@jest/globals';
import { OfflineProvider } from '../providers/offline.provider.js';
import { classify } from './classify.js';
import { keywords, summarize } from './extract.js';
import { fillSchema } from './fill-schema.js';
import { processText } from './process-text.js';
import { readAnswer } from '../providers/read-answer.js';
import { readTask } from './task.js';

const REPORT = [
  'The payment service went down on Monday morning.',
  'It rained.',
  'Engineers found that the payment service had lost its database connection.',
  'Somebody made coffee.',
  'After the database connection was restored, the payment service recovered within minutes.',
  'Lunch was late.',
].join(' ');

const SPAM = 'Congratulations, you are a WINNER! Click now to claim your free prize. This offer is limited, act today.';

const user = (content: string) => [{ role: 'user' as const, content }];

describe('the offline summary', () => {
  it('takes the sentences that carry the most frequent words, in the order of the text', () => {
    const summary = summarize(REPORT, 3);

    expect(summary).toContain('payment service went down');
    expect(summary).toContain('lost its database connection');
    expect(summary).not.toContain('coffee');
    expect(summary.indexOf('went down')).toBeLessThan(summary.indexOf('recovered'));
  });

  it('leaves a short text as it is', () => {
    expect(summarize('Only one sentence here.')).toBe('Only one sentence here.');
  });

  it('says the same for the same text', () => {
    expect(summarize(REPORT)).toBe(summarize(REPORT));
  });
});

describe('offline keywords', () => {
  it('are the most frequent content words', () => {
    expect(keywords(REPORT, 3).sort()).toEqual(['database', 'payment', 'service'].sort());
  });
});

describe('offline classification', () => {
  it('chooses the label with the most evidence', () => {
    expect(classify(SPAM, ['ham', 'spam'])).toBe('spam');
    expect(classify('The server crashed with an exception, login shows an error', ['billing', 'technical'])).toBe(
      'technical',
    );
  });

  it('chooses the neutral label when nothing speaks for another', () => {
    expect(classify('See you at the meeting on Tuesday.', ['spam', 'ham'])).toBe('ham');
    expect(classify('A text about trees.', ['positive', 'negative', 'neutral'])).toBe('neutral');
  });

  it('takes one telling word for an accident', () => {
    expect(classify('Are you free on Friday?', ['spam', 'ham'])).toBe('ham');
  });

  it('takes the first label when none is neutral', () => {
    expect(classify('Trees.', ['forest', 'sea'])).toBe('forest');
  });
});

describe('reading a prompt', () => {
  it.each([
    ['Summarise this mail:\n\nDear all, hello.', 'Dear all, hello.'],
    ['Classify: buy now', 'buy now'],
    ['Extract the total from this receipt.\n"""\nTotal 12.50\n"""', 'Total 12.50'],
    ['Give keywords for <mail>Hello there</mail>', 'Hello there'],
  ])('finds the text in %j', (prompt, text) => {
    expect(readTask(user(prompt)).text).toBe(text);
  });

  it('takes a text without instruction as a whole', () => {
    expect(readTask(user('Re: your order has shipped.')).text).toBe('Re: your order has shipped.');
  });

  it('counts system messages as instruction', () => {
    const task = readTask([{ role: 'system', content: 'Give keywords.' }, ...user(REPORT)]);

    expect(processText(task).split(', ')).toContain('payment');
  });
});

describe('processing a text offline', () => {
  it('picks one of the labels that the instruction names', () => {
    const instruction = 'Classify the mail as one of: spam, ham';

    expect(processText({ instruction, text: SPAM })).toBe('spam');
  });

  it('writes in capitals as a last resort', () => {
    expect(processText({ instruction: 'Do something', text: 'hello you' })).toBe('HELLO YOU');
  });

  it('keeps within the output limit', () => {
    expect(processText({ instruction: 'Summarise', text: REPORT }, 10).length).toBeLessThanOrEqual(40);
  });
});

describe('filling a schema offline', () => {
  it('fills choices, texts, numbers, lists and yes-or-no fields from the text', () => {
    const schema = {
      type: 'object',
      properties: {
        label: { type: 'string', enum: ['ham', 'spam'] },
        isSpam: { type: 'boolean' },
        confidence: { type: 'number', minimum: 0, maximum: 1 },
        summary: { type: 'string', maxLength: 60 },
        keywords: { type: 'array', items: { type: 'string' }, maxItems: 3 },
      },
    };

    const filled = fillSchema(schema, SPAM) as Record<string, unknown>;

    expect(filled).toMatchObject({ label: 'spam', isSpam: true, confidence: 0.5 });
    expect((filled.summary as string).length).toBeLessThanOrEqual(60);
    expect(filled.keywords).toHaveLength(3);
  });

  it('finds amounts, currencies, dates and addresses where a field asks for them', () => {
    const text = 'Blue Bottle Coffee\nDate 2026-03-01\nSubtotal $10.00\nTotal $12.50\nhello@bluebottle.example';
    const schema = {
      type: 'object',
      properties: {
        vendor: { type: 'string' },
        total: { type: 'number' },
        currency: { type: 'string' },
        date: { type: 'string', format: 'date' },
        email: { type: 'string', format: 'email' },
      },
    };

    expect(fillSchema(schema, text)).toEqual({
      vendor: 'Blue Bottle Coffee',
      total: 12.5,
      currency: 'USD',
      date: '2026-03-01',
      email: 'hello@bluebottle.example',
    });
  });

  it('says null rather than inventing what is not there', () => {
    const schema = { type: 'object', properties: { date: { type: ['string', 'null'], format: 'date' } } };

    expect(fillSchema(schema, 'No day is named.')).toEqual({ date: null });
  });

  it('follows references, ends recursion and takes the first variant', () => {
    const schema = {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: {
            kind: { const: 'node' },
            note: { anyOf: [{ type: 'integer', minimum: 3 }, { type: 'null' }] },
            child: { $ref: '#/$defs/node' },
          },
        },
      },
    };

    expect(fillSchema(schema, 'text')).toMatchObject({ kind: 'node', note: 3, child: { kind: 'node' } });
  });
});

describe('OfflineProvider', () => {
  const provider = new OfflineProvider('offline', 'extractive');
  const { signal } = new AbortController();
  const request = (text: string) => ({
    prompt: [{ role: 'user' as const, content: [{ type: 'text' as const, text }] }],
  });

  it('answers without tokens', async () => {
    const answer = readAnswer(await provider.generate(request(`Summarise:\n\n${REPORT}`), { signal }));

    expect(answer).toMatchObject({ finishReason: 'stop', usage: { totalTokens: 0 } });
    expect(answer.text).toContain('payment service');
  });

  it('streams the same text word by word', async () => {
    const summarise = request(`Summarise:\n\n${REPORT}`);
    const whole = readAnswer(await provider.generate(summarise, { signal }));

    const texts: string[] = [];
    for await (const part of provider.stream(summarise, { signal }))
      if (part.type === 'text-delta') texts.push(part.delta);

    expect(texts.length).toBeGreaterThan(5);
    expect(texts.join('')).toBe(whole.text);
  });

  it('does nothing for a caller who has gone', async () => {
    await expect(provider.generate(request('x'), { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
  });
});
