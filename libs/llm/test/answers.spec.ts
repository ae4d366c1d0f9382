import { afterEach, describe, expect, it } from '@jest/globals';
import { type LlmApp, type LlmAppOptions, startLlmApp } from './llm-app.fixture.js';
import { LlmInvalidAnswerError, LlmUnavailableError } from '../src/index.js';

const CITY = {
  ...{ type: 'object', required: ['city'], additionalProperties: false },
  properties: { city: { type: 'string' }, id: { type: ['string', 'number'] }, note: { type: 'string' } },
};

describe('answers with a schema', () => {
  let app: LlmApp;
  const start = async (options?: LlmAppOptions) => (app = await startLlmApp(options));
  afterEach(() => app.close());

  it('are mended without another request, and their try says so', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/where/, { content: '```json\n{"city":"Paris","note":null,}\n```' });

    const result = await llm.complete({ prompt: 'where', schema: CITY });

    expect(result).toMatchObject({ object: { city: 'Paris' }, attempts: 1, heals: 0 });
    expect(result.tries).toMatchObject([{ outcome: 'ok', mended: ['a fence', 'trailing commas', 'nulls'] }]);
    expect(openai.getRequests()).toHaveLength(1);
  });

  it('say nothing of mending when nothing was mended', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/where/, { content: '{"city":"Paris"}' });

    expect((await llm.complete({ prompt: 'where', schema: CITY })).tries[0]).not.toHaveProperty('mended');
  });

  it('are asked for again rather than rounded', async () => {
    const { llm, openai } = await start();
    openai.on({ userMessage: /send it as a text/ }, { content: '{"city":"Paris","id":"12345678901234567890"}' });
    openai.onMessage(/where/, { content: '{"city":"Paris","id":12345678901234567890}' });

    const result = await llm.complete({ prompt: 'where', schema: CITY });

    expect(result).toMatchObject({ object: { id: '12345678901234567890' }, heals: 1 });
    expect(result.tries[0]).toMatchObject({ outcome: 'invalid', message: expect.stringContaining('/id is 12345') });
  });

  it.each([
    ['an object', '{"city":"Par'],
    ['a correction', '{"city":"Rome"} no: {"ci'],
  ])('that stop at the token limit are none: %s', async (_, content) => {
    const { llm, openai } = await start({ anthropic: false, offline: false, heals: 0 });
    openai.onMessage(/where/, { content, finishReason: 'length' });

    const error = await llm.complete({ prompt: 'where', schema: CITY }).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(LlmUnavailableError);
    const [failure] = (error as LlmUnavailableError).failures;
    expect(failure?.error).toBeInstanceOf(LlmInvalidAnswerError);
    expect(failure?.error).toMatchObject({ message: expect.stringContaining('cut at the token limit') });
  });

  it('are asked of OpenAI within an object when they are none, and taken out of it', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/list/, { content: '{"value":["a","b"]}' });

    const result = await llm.complete({ prompt: 'list', schema: { type: 'array', items: { type: 'string' } } });

    expect(result).toMatchObject({ object: ['a', 'b'], text: '["a","b"]', heals: 0 });
    expect(openai.getLastRequest()?.body).toMatchObject({
      response_format: {
        type: 'json_schema',
        json_schema: { strict: true, schema: { type: 'object', required: ['value'] } },
      },
    });
  });

  it('are asked for without strict mode when OpenAI would refuse the schema', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/where/, { content: '{"city":"Paris"}' });

    await llm.complete({ prompt: 'where', schema: { ...CITY, minProperties: 1 } });

    expect(openai.getLastRequest()?.body).toMatchObject({ response_format: { json_schema: { strict: false } } });
  });

  it('are asked for in the words of JSON Schema when the schema is one of OpenAPI', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/where/, { content: '{"city":null}' });
    const schema = { type: 'object', properties: { city: { type: 'string', nullable: true } } };

    const { object } = await llm.complete({ prompt: 'where', schema });

    expect(object).toEqual({ city: null });
    expect(openai.getLastRequest()?.body).toMatchObject({
      response_format: { json_schema: { schema: { properties: { city: { type: ['string', 'null'] } } } } },
    });
  });

  it('are not asked for at all when their schema refers to elsewhere', async () => {
    const { llm, openai } = await start();

    await expect(llm.complete({ prompt: 'x', schema: { $ref: 'https://example.com/a.json' } })).rejects.toThrow(
      "LlmService > schema: got an object with keys [$ref], expected a JSON Schema that stands alone; what its reference 'https://example.com/a.json' means",
    );
    expect(openai.getRequests()).toHaveLength(0);
  });
});
