import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type * as AiSdk from 'ai';
import { z } from 'zod';
import {
  type ChainApp,
  chat,
  chunk,
  dead,
  events,
  json,
  sendEvents,
  startChain,
  startVendor,
  toolCall,
  type Vendor,
  words,
} from '../../test/vendor.fixture.js';

const major = Number(process.versions.node.split('.')[0]);
if (major < 22) console.warn(`ai 7 needs Node 22: llm.model() is not tried with it on ${process.version}`);

const GENERATIONS = [
  ['ai 6', () => import('ai')],
  ...(major < 22 ? [] : [['ai 7', () => import('ai-7') as unknown as Promise<typeof AiSdk>] as const]),
] as const;

describe.each(GENERATIONS)('llm.model() in %s', (_generation, load) => {
  let ai: typeof AiSdk;
  let first: Vendor;
  let second: Vendor;
  let app: ChainApp;

  beforeEach(async () => {
    ai = await load();
    [first, second] = [await startVendor(dead), await startVendor(dead)];
    const provider = { kind: 'openai', apiKey: 'k', model: 'm' } as const;
    app = await startChain({
      providers: [
        { ...provider, name: 'first', baseURL: first.baseURL },
        { ...provider, kind: 'openai-compatible', name: 'second', baseURL: second.baseURL },
      ],
    });
  });
  afterEach(() => Promise.all([app.close(), first.close(), second.close()]));

  it('runs tools over the target that is alive', async () => {
    second.answer = (response, asked, count) =>
      (count === 1
        ? json(200, chat({ content: null, tool_calls: [toolCall('weather', { city: 'Oslo' })] }, 'tool_calls'))
        : json(200, chat('It is sunny in Oslo')))(response, asked, count);
    const places: string[] = [];

    const { text, steps, totalUsage } = await ai.generateText({
      model: app.llm.model(),
      tools: {
        weather: ai.tool({
          inputSchema: z.object({ city: z.string() }),
          execute: ({ city }) => {
            places.push(city);
            return 'sunny';
          },
        }),
        time: ai.tool({ inputSchema: z.object({}), execute: () => 'noon' }),
      },
      stopWhen: ai.stepCountIs(5),
      prompt: 'How is the weather in Oslo?',
    });

    expect({ text, places, steps: steps.length }).toEqual({ text: 'It is sunny in Oslo', places: ['Oslo'], steps: 2 });
    expect(totalUsage).toMatchObject({ inputTokens: 10, outputTokens: 14 });
    expect(steps.map(({ providerMetadata }) => providerMetadata?.['resilience'])).toMatchObject([
      { provider: 'second', fallbackLevel: 1, attempts: 3 },
      { provider: 'second', fallbackLevel: 1 },
    ]);
    expect(second.asked[1]?.body['messages']).toMatchObject([
      { role: 'user' },
      { role: 'assistant', tool_calls: [{ function: { name: 'weather' } }] },
      { role: 'tool', content: expect.stringContaining('sunny') },
    ]);
  });

  it('streams text, thoughts and tools', async () => {
    second.answer = events(
      chunk({ reasoning_content: 'hm' }),
      chunk({ content: 'Let me ' }),
      chunk({ content: 'look.' }),
      chunk({ tool_calls: [{ index: 0, ...toolCall('look', { at: 'sky' }) }] }),
      chunk({}, 'tool_calls', { usage: { prompt_tokens: 1, completion_tokens: 2 } }),
    );

    const stream = ai.streamText({
      model: app.llm.model(),
      tools: { look: ai.tool({ inputSchema: z.object({ at: z.string() }) }) },
      prompt: 'x',
    });
    const texts: string[] = [];
    for await (const text of stream.textStream) texts.push(text);

    expect(texts).toEqual(['Let me ', 'look.']);
    expect(await stream.reasoningText).toBe('hm');
    expect(await stream.toolCalls).toMatchObject([{ toolName: 'look', input: { at: 'sky' } }]);
    expect(await stream.finishReason).toBe('tool-calls');
    expect(await stream.providerMetadata).toMatchObject({ resilience: { provider: 'second', attempts: 3 } });
  });

  it('mends an object that does not match its schema', async () => {
    first.answer = (response, asked, count) =>
      json(200, chat(count === 1 ? '{"total":"much"}' : 'Here it is: {"total":5}'))(response, asked, count);

    const { output } = await ai.generateText({
      model: app.llm.model(),
      output: ai.Output.object({ schema: z.object({ total: z.number() }) }),
      prompt: 'total?',
    });

    expect(output).toEqual({ total: 5 });
    expect(first.asked).toHaveLength(2);
    expect(second.asked).toHaveLength(0);
  });

  it.each<[string, readonly string[], boolean]>([
    ['that matches', ['{"tot', 'al":5}'], true],
    ['with a field of another type', ['{"total":', '"much"}'], false],
    ['that lacks a field', ['{}'], false],
    ['that is no JSON', ['five'], false],
  ])('checks a streamed object %s like a whole one', async (_what, texts, isGood) => {
    first.answer = words(...texts);
    const errors: unknown[] = [];
    const stream = ai.streamText({
      model: app.llm.model(),
      output: ai.Output.object({ schema: z.object({ total: z.number() }) }),
      prompt: 'total?',
      onError: ({ error }) => void errors.push(error),
    });
    for await (const _part of stream.fullStream);

    if (isGood) expect(await stream.output).toEqual({ total: 5 });
    expect(errors).toMatchObject(isGood ? [] : [{ code: 'RESILIENCE_LLM_INVALID_ANSWER', text: texts.join('') }]);
    expect(app.llm.view()[0]).toMatchObject({ circuit: 'closed', inFlight: 0 });
    expect(app.llm.metrics()).toMatchObject({ calls: 1, completed: isGood ? 1 : 0, failed: isGood ? 0 : 1 });
  });

  it('lets a model use tools before it answers with an object', async () => {
    first.answer = (response, asked, count) =>
      (count === 1
        ? json(200, chat({ content: null, tool_calls: [toolCall('look', {})] }, 'tool_calls'))
        : json(200, chat('{"total":5}')))(response, asked, count);

    const { output } = await ai.generateText({
      model: app.llm.model(),
      tools: { look: ai.tool({ inputSchema: z.object({}), execute: () => 5 }) },
      output: ai.Output.object({ schema: z.object({ total: z.number() }) }),
      stopWhen: ai.stepCountIs(3),
      prompt: 'total?',
    });

    expect(output).toEqual({ total: 5 });
  });

  it('runs an agent', async () => {
    second.answer = (response, asked, count) =>
      (count === 1
        ? json(200, chat({ content: null, tool_calls: [toolCall('add', { a: 1, b: 2 })] }, 'tool_calls'))
        : json(200, chat('3')))(response, asked, count);
    const add = ai.tool({
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      execute: ({ a, b }) => a + b,
    });

    const { text } = await new ai.ToolLoopAgent({ model: app.llm.model(), tools: { add } }).generate({ prompt: '1+2' });

    expect(text).toBe('3');
  });

  it('sends an image and the settings of the call to every target', async () => {
    second.answer = json(200, chat('a cat'));
    const image = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);

    await ai.generateText({
      model: app.llm.model(),
      messages: [{ role: 'user', content: [{ type: 'image', image, mediaType: 'image/png' }] }],
      seed: 7,
      stopSequences: ['END'],
      topP: 0.5,
      headers: { 'x-team': 'a' },
      providerOptions: { second: { user: 'u1' } },
    });

    for (const { body, headers } of [first.asked[0], second.asked[0]].map((asked) => asked!)) {
      expect(headers['x-team']).toBe('a');
      expect(body).toMatchObject({
        messages: [{ content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } }] }],
        ...{ seed: 7, stop: ['END'], top_p: 0.5 },
      });
    }
    expect(second.asked[0]?.body).toMatchObject({ user: 'u1' });
  });

  it('is taken over as long as nothing was handed on, and says what broke afterwards', async () => {
    first.answer = (response) => void sendEvents(response, chunk({ content: '' })).end();
    second.answer = (response) => void sendEvents(response, chunk({ content: 'Dear customer, ' })).end();
    const errors: unknown[] = [];

    const stream = ai.streamText({
      model: app.llm.model(),
      prompt: 'x',
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    });
    let text = '';
    for await (const part of stream.fullStream) if (part.type === 'text-delta') text += part.text;

    expect(text).toBe('Dear customer, ');
    expect(errors).toMatchObject([
      { code: 'RESILIENCE_LLM_STREAM_INTERRUPTED', partialText: text, provider: 'second' },
    ]);
    expect([first.asked.length, second.asked.length]).toEqual([2, 1]);
  });

  it('rejects with the error of the chain, which no retry of the SDK repeats', async () => {
    await expect(ai.generateText({ model: app.llm.model(), prompt: 'x' })).rejects.toMatchObject({
      code: 'RESILIENCE_LLM_UNAVAILABLE',
    });

    expect([first.asked.length, second.asked.length]).toEqual([2, 2]);
  });

  it.each(['generate', 'stream'])('ends the request upstream when the caller aborts: %s', async (how) => {
    first.answer = (response) => void sendEvents(response, chunk({ content: 'one' }));
    const caller = new AbortController();
    const asked = { model: app.llm.model(), prompt: 'x', abortSignal: caller.signal };

    if (how === 'generate') {
      first.answer = () => caller.abort();
      await expect(ai.generateText(asked)).rejects.toMatchObject({ name: 'AbortError' });
    } else {
      const { fullStream } = ai.streamText(asked);
      for await (const part of fullStream) if (part.type === 'text-delta') caller.abort();
    }

    await first.left;
    expect(second.asked).toHaveLength(0);
  });

  it('counts as one call with its tokens and its target', async () => {
    first.answer = words('a ', 'b');
    const { textStream } = ai.streamText({ model: app.llm.model(), prompt: 'x' });
    for await (const _text of textStream);

    expect(app.llm.metrics()).toMatchObject({ calls: 1, completed: 1, byFallbackLevel: [1] });
  });

  it('begins where its name says', async () => {
    second.answer = json(200, chat('hello'));

    const { text, response } = await ai.generateText({ model: app.llm.model('second'), prompt: 'x' });

    expect([text, response.modelId, first.asked.length]).toEqual(['hello', 'm', 0]);
    expect(() => app.llm.model('secnd')).toThrow("did you mean 'second'?");
  });
});
