import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { streamText } from 'ai';
import {
  type Answering,
  type ChainApp,
  chunk,
  sendEvents,
  startChain,
  startVendor,
  toolCall,
  type Vendor,
  words,
} from '../../test/vendor.fixture.js';

const breaksAfter =
  (...sent: readonly object[]): Answering =>
  (response) =>
    void sendEvents(response, ...sent).end();

describe('a stream that broke in the middle of its text', () => {
  let vendors: Vendor[];
  let app: ChainApp;

  beforeEach(async () => {
    vendors = await Promise.all([
      startVendor(breaksAfter(chunk({ content: 'Dear ' }), chunk({ content: 'customer, ' }))),
      startVendor(words('never asked')),
      startVendor(words(' we are ', 'sorry.')),
    ]);
    const provider = { kind: 'openai-compatible', model: 'm', retry: false } as const;
    app = await startChain({
      providers: vendors.map(({ baseURL }, index) => ({
        ...{ ...provider, name: ['first', 'second', 'third'][index]!, baseURL, prefill: index === 2 },
        cost: { inputPerMillion: 1, outputPerMillion: 1 },
      })),
    });
  });
  afterEach(() => Promise.all([app.close(), ...vendors.map((vendor) => vendor.close())]));

  const read = async (stream: AsyncIterable<string>) => {
    let text = '';
    for await (const piece of stream) text += piece;
    return text;
  };

  it('is gone on with by the next target that can', async () => {
    const stream = app.llm.stream({ prompt: 'a letter' });

    expect(await read(stream)).toBe('Dear customer, we are sorry.');

    const result = await stream.result;
    expect(result).toMatchObject({ provider: 'third', fallbackLevel: 2, text: 'Dear customer, we are sorry.' });
    expect(result.tries).toMatchObject([
      { provider: 'first', outcome: 'failed', reason: 'network', usage: { estimated: true } },
      { provider: 'second', outcome: 'skipped', message: expect.stringContaining('prefill') },
      { provider: 'third', outcome: 'ok' },
    ]);
    expect(result.wastedCostUsd).toBeGreaterThan(0);
    expect(vendors.map(({ asked }) => asked.length)).toEqual([1, 0, 1]);
    expect(vendors[2]?.asked[0]?.body['messages']).toEqual([
      { role: 'user', content: 'a letter' },
      { role: 'assistant', content: 'Dear customer,' },
    ]);
  });

  it('is one text to the AI SDK', async () => {
    const { fullStream, text } = streamText({ model: app.llm.model(), prompt: 'a letter' });
    const types = new Set<string>();
    for await (const part of fullStream) types.add(part.type);

    expect(await text).toBe('Dear customer, we are sorry.');
    expect(types).not.toContain('error');
  });

  it('throws what it broke with, and all of the text, when the next one breaks too', async () => {
    vendors[2]!.answer = breaksAfter(chunk({ content: 'we' }));

    await expect(read(app.llm.stream({ prompt: 'a letter' }))).rejects.toMatchObject({
      code: 'RESILIENCE_LLM_STREAM_INTERRUPTED',
      partialText: 'Dear customer, we',
      provider: 'third',
    });
  });

  it('throws what it broke with when the next one does not answer', async () => {
    vendors[2]!.answer = (response) => void response.writeHead(500).end();

    await expect(read(app.llm.stream({ prompt: 'a letter' }))).rejects.toMatchObject({
      partialText: 'Dear customer, ',
      provider: 'first',
    });
    expect(app.llm.metrics()).toMatchObject({ calls: 1, failed: 1 });
  });

  it('is not gone on with after the call of a tool', async () => {
    vendors[0]!.answer = breaksAfter(
      chunk({ content: 'Let me ' }),
      chunk({ tool_calls: [{ index: 0, ...toolCall('look', {}) }] }),
    );
    const { fullStream } = streamText({ model: app.llm.model(), prompt: 'x', onError: () => undefined });
    const types: string[] = [];
    for await (const part of fullStream) types.push(part.type);

    expect(types).toContain('error');
    expect(vendors[2]?.asked).toHaveLength(0);
  });

  it('is not gone on with for a reader who has left', async () => {
    vendors[0]!.answer = (response) => void sendEvents(response, chunk({ content: 'Dear ' }));
    for await (const _text of app.llm.stream({ prompt: 'a letter' })) break;

    await vendors[0]!.left;
    expect(vendors[2]?.asked).toHaveLength(0);
  });
});
