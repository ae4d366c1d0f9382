import { afterEach, describe, expect, it } from '@jest/globals';
import { LlmGuardError, LlmModule } from '../src/index.js';
import { textsOf, withTexts } from '../src/guard/message-texts.js';
import { redact, REDACTED_KINDS } from '../src/guard/redact.js';
import { type LlmApp, type LlmAppOptions, startLlmApp } from './llm-app.fixture.js';

describe('redacting', () => {
  it.each([
    ['write to ann.lee+x@mail.example.org now', 'write to [email] now'],
    ['card 4111 1111 1111 1111, or 5500-0000-0000-0004', 'card [card], or [card]'],
    ['pay to DE89 3704 0044 0532 0130 00 or GB29NWBK60161331926819.', 'pay to [iban] or [iban].'],
    ['order 4111 1111 1111 1112 of 2026-01-31, 1234567890', 'order 4111 1111 1111 1112 of 2026-01-31, 1234567890'],
    ['DE00 3704 0044 0532 0130 00', 'DE00 3704 0044 0532 0130 00'],
    ['0000 0000 0000 0000', '0000 0000 0000 0000'],
  ])('reads %j as %j', (text, expected) => {
    expect(redact(text, REDACTED_KINDS, []).text).toBe(expected);
  });

  it('replaces keys and tokens, and what else is asked for', () => {
    const { text, count } = redact(
      'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789 of project Falcon',
      ['secret'],
      [/falcon/gi],
    );

    expect(text).not.toContain('abcdefghijklmnop');
    expect(text).toMatch(/of project \[redacted\]$/);
    expect(count).toBe(2);
  });

  it('replaces texts of conversations only, in their places', () => {
    const file = { type: 'file', mediaType: 'image/png', data: 'x' };
    const messages = [
      { role: 'system', content: 'a' },
      { role: 'user', content: [{ type: 'text', text: 'b' }, file] },
    ];

    expect(textsOf(messages).map(({ text }) => text)).toEqual(['a', 'b']);
    expect(withTexts(messages, ['A', 'B'])).toEqual([
      { role: 'system', content: 'A' },
      { role: 'user', content: [{ type: 'text', text: 'B' }, file] },
    ]);
  });

  it('finds texts, names and numbers in what tools are given and give, however deep', () => {
    const messages = [
      { content: [{ type: 'tool-call', toolName: 't', input: { a: ['x', { b: 1, c: null }] } }] },
      { content: [{ type: 'tool-call', toolName: 't', input: '{"d": "\\u0079"}' }] },
      { content: [{ type: 'tool-call', toolName: 't', input: 'no JSON' }] },
      { content: [{ type: 'tool-result', output: { type: 'json', value: { e: true, f: ['z'] } } }] },
      { content: [{ type: 'tool-result', output: { type: 'error-text', value: 'g' } }] },
      { content: [{ type: 'tool-result', output: { type: 'execution-denied', reason: 'h' } }] },
      { content: [{ type: 'tool-result', output: { type: 'content', value: [{ type: 'text', text: 'i' }, { type: 'image-data', data: 'AAAA' }] } }] }, // prettier-ignore
      { content: [{ type: 'tool-approval-response', approvalId: '1', reason: 'j' }] },
      { content: [{ type: 'tool-result', toolName: 't', result: { k: new Date(0) } }] },
      { content: [{ type: 'reasoning', text: 'l' }] },
    ];
    const texts = textsOf(messages);

    expect(texts.map(({ text }) => text).join(' ')).toBe('a x b 1 c d y no JSON e f z g h i j k l');
    expect([texts[0], texts.at(-3), texts.at(-1)].map((text) => text?.what)).toEqual(['tool', 'text', 'thought']);
    expect(withTexts(messages, texts.map(({ text }) => text))).toEqual(messages); // prettier-ignore
  });
});

describe('guards', () => {
  let app: LlmApp;
  const start = async (guards: LlmAppOptions['guards'], more: LlmAppOptions = {}) => {
    app = await startLlmApp({ anthropic: false, offline: false, ...more, guards });
    app.openai.onMessage(/./, { content: 'Ask ann@mail.example or bob@mail.example.' });
    return app;
  };
  afterEach(() => app.close());

  it('keep from a model and from the caller what they replace, and are in the record', async () => {
    const { llm, openai } = await start({ before: { redact: true }, after: { redact: ['email', /bob\S*/] } });

    const result = await llm.complete({ system: 'I am me@mail.example', prompt: 'card 4111111111111111' });

    expect(JSON.stringify(openai.getLastRequest()?.body)).toContain('[card]');
    expect(JSON.stringify(openai.getLastRequest()?.body)).not.toMatch(/4111|me@mail/);
    expect(result).toMatchObject({
      text: 'Ask [email] or [redacted]',
      guards: [
        { when: 'before', guard: 'redact', count: 1 },
        { when: 'before', guard: 'redact', count: 1 },
        { when: 'after', guard: 'redact', count: 2 },
      ],
    });
  });

  it('are in no record when they changed nothing', async () => {
    const { llm } = await start({ before: { redact: true, check: () => undefined } });

    expect(await llm.complete({ prompt: 'hello' })).not.toHaveProperty('guards');
  });

  it('refuse what is too long, before anything is sent', async () => {
    const { llm, openai } = await start({ before: { maxChars: 10 } });

    await expect(llm.complete({ system: '12345', prompt: '123456' })).rejects.toThrow(
      'A guard refused the request: it has 11 characters, at most 10 are allowed',
    );
    expect(openai.getRequests()).toHaveLength(0);
    expect(await llm.complete({ system: '12345', prompt: '12345' })).toMatchObject({ attempts: 1 });
  });

  it('refuse an answer that is too long, and ask nobody else for it', async () => {
    const { llm, openai } = await start({ after: { maxChars: 10 } }, { offline: {} });

    await expect(llm.complete({ prompt: 'hello' })).rejects.toMatchObject({
      ...{ when: 'after', code: 'RESILIENCE_LLM_REFUSED' },
      message: expect.stringContaining('A guard refused the answer'),
    });
    expect(openai.getRequests()).toHaveLength(1);
  });

  it('ask a function of the application, which changes or refuses', async () => {
    const asked: unknown[] = [];
    const { llm, openai } = await start({
      before: {
        check: async (text, about) => {
          asked.push([text, about.when, about.tenant]);
          if (text.includes('bomb')) throw new Error('not that');
          return text.toUpperCase();
        },
      },
    });

    const result = await llm.complete({ prompt: 'hello', tenant: 'a' });
    const refused = await llm.complete({ prompt: 'a bomb' }).catch((error: unknown) => error);

    expect(asked[0]).toEqual(['hello', 'before', 'a']);
    expect(openai.getLastRequest()?.body).toMatchObject({ messages: [{ content: 'HELLO' }] });
    expect(result.guards).toEqual([{ when: 'before', guard: 'check', count: 1 }]);
    expect(refused).toBeInstanceOf(LlmGuardError);
    expect(refused).toMatchObject({ message: 'A guard refused the request: not that', cause: { message: 'not that' } });
  });

  it('leave an object that still matches its schema, or none', async () => {
    const schema = { type: 'object', properties: { to: { type: 'string', maxLength: 18 } } };
    const answer = (to: string) => app.openai.prependFixture?.({ match: { userMessage: to }, response: { content: JSON.stringify({ to }) } }); // prettier-ignore
    const { llm } = await start({ after: { redact: ['email', /too-long/] } }, { heals: 0 });
    answer('ann@mail.example');

    const result = await llm.complete({ prompt: 'ann@mail.example', schema });

    expect(result).toMatchObject({ object: { to: '[email]' }, text: '{"to":"[email]"}' });
    const exact = { properties: { to: { const: 'ann@mail.example' } } };
    await expect(llm.complete({ prompt: 'ann@mail.example', schema: exact })).rejects.toThrow(
      'A guard refused the answer: what is left of the answer does not match: /to must be "ann@mail.example"',
    );
  });

  it('read requests of streams, and refuse those that they would have to wait for', async () => {
    const { llm, openai } = await start({ before: { redact: ['email'], maxChars: 40 } });
    for await (const _ of llm.stream({ prompt: 'to me@mail.example' }));

    expect(openai.getLastRequest()?.body).toMatchObject({ messages: [{ content: 'to [email]' }] });
    expect(() => llm.stream({ prompt: 'x'.repeat(41) })).toThrow(LlmGuardError);
    await app.close();

    const after = await start({ after: { redact: true } });
    expect(() => after.llm.stream({ prompt: 'hello' })).toThrow(
      /expected complete\(\): guards\.after reads whole texts, which a stream does not wait for/,
    );
  });

  it('must be ones that exist', async () => {
    await start({});
    const providers = [{ name: 'offline', kind: 'offline' as const, model: 'extractive' }];
    const read = (before: object) => () => LlmModule.forRoot({ providers, guards: { before } });

    expect(read({ redact: ['phone'] })).toThrow(
      /LlmModule > guards > before > redact\[0\]: got .phone., expected true, or a list of email, card, iban, secret and of regular expressions/,
    );
    expect(read({ check: 'yes' })).toThrow(/LlmModule > guards > before > check: got 'yes', expected a function/);
  });
});
