import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ResilienceOptionsError } from '@nest-resilience/core';
import { type ChainApp, chat, json, startChain, startVendor, type Vendor } from '../../test/vendor.fixture.js';

describe('a request', () => {
  let vendor: Vendor;
  let app: ChainApp;

  beforeAll(async () => {
    vendor = await startVendor(json(200, chat('ok')));
    const provider = { name: 'a', kind: 'openai', apiKey: 'k', model: 'm', baseURL: vendor.baseURL } as const;
    app = await startChain({ providers: [provider] });
  });
  afterAll(() => Promise.all([app.close(), vendor.close()]));

  it.each([
    ['maxTokens', 5, "did you mean 'maxOutputTokens'?"],
    ['max_tokens', 5, "did you mean 'maxOutputTokens'?"],
    ['temprature', 0, "did you mean 'temperature'?"],
    ['stop', ['x'], "did you mean 'stopSequences'?"],
    ['tools', {}, "generateText() of 'ai', which takes llm.model()"],
    ['foo', 1, 'no such option; known: prompt, messages, system, model'],
    ['topP', 2, 'a number from 0 to 1'],
    ['seed', 0.5, 'a whole number'],
    ['stopSequences', 'x', 'a list of texts'],
    ['signal', {}, 'an AbortSignal'],
    ['messages', [{ role: 'user', content: 5 }], 'a list of { role:'],
    ['messages', [{ role: 'user', content: [{ type: 'image', image: 'x' }] }], "{ type: 'file', data, mediaType }"],
    ['messages', [{ role: 'system', content: 'x' }], 'at least one of the user'],
    ['messages', [{ role: 'user', content: 'x' }], "either 'prompt' or 'messages'"],
    ['model', 'n', 'one of a, a:m, m'],
  ])('is refused with %s: %p', async (name, value, words) => {
    const request = { prompt: 'x', [name]: value } as { prompt: string };

    const error = await app.llm.complete(request).catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(ResilienceOptionsError);
    expect((error as Error).message).toContain(words);
    expect(() => app.llm.stream(request)).toThrow(words);
    expect(vendor.asked).toHaveLength(0);
  });

  it('is refused with a schema for a stream, which cannot be checked before it is read', () => {
    expect(() => app.llm.stream({ prompt: 'x', schema: {} } as never)).toThrow('schema: got');
  });

  it('is refused with all of its problems', async () => {
    const error = await app.llm
      .complete({ maxTokens: 1, temperature: -1, model: 'n' } as never)
      .catch((e: unknown) => e);

    expect((error as ResilienceOptionsError).problems).toHaveLength(4);
  });

  it('carries every setting to the wire', async () => {
    await app.llm.complete({
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'system', content: 'be kind' },
        { role: 'assistant', content: [{ type: 'text', text: 'hello' }] },
        { role: 'user', content: [{ type: 'file', data: new URL('http://x/y.png'), mediaType: 'image/png' }] },
      ],
      system: 'be brief',
      ...{ temperature: 0, topP: 0.5, seed: 1, stopSequences: ['END'], maxOutputTokens: 5 },
      ...{ presencePenalty: 1, frequencyPenalty: -1, headers: { 'x-a': 'b' } },
      providerOptions: { openai: { user: 'u' } },
    });

    const [{ body, headers } = { body: {}, headers: {} }] = vendor.asked;
    expect(body).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'system', content: 'be kind' },
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'hello' },
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://x/y.png' } }] },
      ],
      ...{ temperature: 0, top_p: 0.5, seed: 1, stop: ['END'], max_tokens: 5, user: 'u' },
      ...{ presence_penalty: 1, frequency_penalty: -1 },
    });
    expect(headers).toMatchObject({ 'x-a': 'b' });
  });
});
