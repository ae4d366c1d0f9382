import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { generateText, streamText } from 'ai';
import type { LlmModuleOptions } from '../src/llm.options.js';
import { type ChainApp, chat, dead, json, startChain, startVendor, type Vendor, words } from './vendor.fixture.js';

let small: Vendor;
let large: Vendor;
let app: ChainApp | undefined;
beforeEach(async () => {
  [small, large] = [await startVendor(json(200, chat('small'))), await startVendor(json(200, chat('large')))];
});
afterEach(() => Promise.all([app?.close(), small.close(), large.close()]));

async function start(options: Partial<LlmModuleOptions> = {}, qualities: readonly (number | undefined)[] = [0.4, 0.9]) {
  const provider = { kind: 'openai-compatible', model: 'm' } as const;
  const quality = (index: number) => (qualities[index] === undefined ? {} : { quality: qualities[index] });
  app = await startChain({
    ...options,
    providers: [
      { ...provider, name: 'small', baseURL: small.baseURL, ...quality(0) },
      { ...provider, name: 'large', baseURL: large.baseURL, ...quality(1) },
      { name: 'offline', kind: 'offline', model: 'extractive' },
    ],
  });
  return app.llm;
}

describe('minQuality of a call', () => {
  it.each<[number, string]>([
    [0, 'small'],
    [0.4, 'small'],
    [0.5, 'large'],
    [0.9, 'large'],
  ])('of %d is met by %s first', async (minQuality, provider) => {
    const llm = await start();

    expect(await llm.complete({ prompt: 'x', minQuality })).toMatchObject({ provider, fallbackLevel: 0 });
  });

  it('keeps the others from standing in, text processing among them', async () => {
    const llm = await start();
    large.answer = dead;

    await expect(llm.complete({ prompt: 'x', minQuality: 0.5 })).rejects.toMatchObject({
      code: 'RESILIENCE_LLM_UNAVAILABLE',
      failures: [{ provider: 'large' }],
    });
    expect(small.asked).toHaveLength(0);
  });

  it('beats the model that a call names', async () => {
    const llm = await start();

    expect(await llm.complete({ prompt: 'x', model: 'small', minQuality: 0.5 })).toMatchObject({ provider: 'large' });
  });

  it('holds for streams and models of the AI SDK', async () => {
    const llm = await start();
    large.answer = words('large');
    const stream = llm.stream({ prompt: 'x', minQuality: 0.5 });
    for await (const _text of stream);
    expect(await stream.result).toMatchObject({ provider: 'large' });

    const providerOptions = { resilience: { minQuality: 0.5 } };
    const streamed = streamText({ model: llm.model(), prompt: 'x', providerOptions });
    expect(await streamed.text).toBe('large');
    large.answer = json(200, chat('large'));
    expect((await generateText({ model: llm.model(), prompt: 'x', providerOptions })).text).toBe('large');
    expect(small.asked).toHaveLength(0);
  });

  it.each<[number, readonly (number | undefined)[], RegExp]>([
    [0.95, [0.4, 0.9], /LlmService > minQuality: got 0.95, expected at most 0.9, the best 'quality' of those/],
    [0.1, [undefined, undefined], /minQuality: got 0.1, expected nothing where no target has a 'quality'/],
    [2, [0.4, 0.9], /minQuality: got 2, expected a number from 0 to 1/],
  ])('of %d is refused with the way out where nobody meets it', async (minQuality, qualities, message) => {
    const llm = await start({}, qualities);

    await expect(llm.complete({ prompt: 'x', minQuality })).rejects.toThrow(message);
    const providerOptions = { resilience: { minQuality } };
    await expect(generateText({ model: llm.model(), prompt: 'x', providerOptions })).rejects.toThrow(/minQuality/);
  });
});

describe('retries by reason', () => {
  const limited = json(429, { error: { message: 'Rate limit reached' } }, { 'retry-after-ms': '1' });

  it('ask a target again for one reason, and not for another', async () => {
    const llm = await start({ retry: { maxRetries: 1, baseDelay: 1, byReason: { server_error: 3, overloaded: 0 } } });
    small.answer = dead;
    await llm.complete({ prompt: 'x' });
    expect(small.asked).toHaveLength(4);

    small.answer = json(503, { error: { message: 'Overloaded' } });
    expect(await llm.complete({ prompt: 'x' })).toMatchObject({ provider: 'large', attempts: 2 });
  });

  it('wait for a rate limit at the same target, as often as they say', async () => {
    const llm = await start({ retry: { maxRetries: 0, baseDelay: 1, byReason: { rate_limit: 2 } } });
    small.answer = (response, asked, count) => (count < 3 ? limited : json(200, chat('small')))(response, asked, count);
    expect(await llm.complete({ prompt: 'x' })).toMatchObject({ provider: 'small', attempts: 3, retries: 2 });

    small.answer = limited;
    expect(await llm.complete({ prompt: 'x' })).toMatchObject({ provider: 'large', attempts: 4 });
  });

  it('leave a rate limit to the next target without them', async () => {
    const llm = await start({ retry: { maxRetries: 3, baseDelay: 1 } });
    small.answer = limited;

    expect(await llm.complete({ prompt: 'x' })).toMatchObject({ provider: 'large', attempts: 2 });
  });
});
