import { afterEach, describe, expect, it } from '@jest/globals';
import { type LlmApp, type LlmAppOptions, startLlmApp } from './llm-app.fixture.js';
import type { LlmStream } from './llm.stream.js';

const STORY = 'one two three four five six seven eight';

async function read(stream: LlmStream): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of stream) texts.push(text);
  return texts;
}

describe('LlmService.stream', () => {
  let app: LlmApp;
  const start = async (options?: LlmAppOptions) => (app = await startLlmApp(options));
  afterEach(() => app.close());

  it('hands on the text as it comes and tells the rest at the end', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/story/, { content: STORY, usage: { prompt_tokens: 4, completion_tokens: 8 } }, { chunkSize: 8 });

    const stream = llm.stream({ prompt: 'a story' });
    const texts = await read(stream);

    expect(texts.length).toBeGreaterThan(1);
    expect(texts.join('')).toBe(STORY);
    await expect(stream.result).resolves.toMatchObject({
      text: STORY,
      provider: 'openai',
      fallbackLevel: 0,
      attempts: 1,
      usage: { inputTokens: 4, outputTokens: 8 },
      tries: [{ outcome: 'ok' }],
    });
  });

  it('streams from Anthropic too', async () => {
    const { llm, anthropic } = await start({ openai: false });
    anthropic.onMessage(/story/, { content: STORY }, { chunkSize: 8 });

    expect((await read(llm.stream({ prompt: 'a story' }))).join('')).toBe(STORY);
  });

  it('sends nothing before it is read', async () => {
    const { llm, openai } = await start();

    llm.stream({ prompt: 'a story' });

    expect(openai.getRequests()).toHaveLength(0);
  });

  it('is taken over by the next provider as long as no text has come', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/story/, { status: 500, error: { message: 'boom' } });
    anthropic.onMessage(/story/, { content: STORY });

    const stream = llm.stream({ prompt: 'a story' });

    expect((await read(stream)).join('')).toBe(STORY);
    await expect(stream.result).resolves.toMatchObject({
      provider: 'anthropic',
      fallbackLevel: 1,
      attempts: 4,
      retries: 2,
    });
  });

  it('is taken over when the first token takes too long', async () => {
    const { llm, openai, anthropic } = await start({ openai: { timeout: { firstToken: 50 }, retry: false } });
    openai.onMessage(/story/, { content: STORY }).setChaos({ latencyMs: 400 });
    anthropic.onMessage(/story/, { content: STORY });

    const stream = llm.stream({ prompt: 'a story' });

    expect((await read(stream)).join('')).toBe(STORY);
    await expect(stream.result).resolves.toMatchObject({
      provider: 'anthropic',
      tries: [{ reason: 'timeout' }, { outcome: 'ok' }],
    });
  });

  it('throws a typed error with the text so far when it breaks later', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/story/, { content: STORY }, { chunkSize: 8, latency: 5, truncateAfterChunks: 4 });

    const stream = llm.stream({ prompt: 'a story' });
    const texts: string[] = [];
    const error = await (async () => {
      for await (const text of stream) texts.push(text);
    })().catch((caught: unknown) => caught);

    expect(texts.length).toBeGreaterThan(0);
    expect(error).toMatchObject({
      code: 'RESILIENCE_LLM_STREAM_INTERRUPTED',
      provider: 'openai',
      partialText: texts.join(''),
    });
    expect(STORY.startsWith(texts.join(''))).toBe(true);
    await expect(stream.result).rejects.toBe(error);
    expect(openai.getRequests()).toHaveLength(1);
    expect(anthropic.getRequests()).toHaveLength(0);
  });

  it('throws when the gap between two tokens is too long', async () => {
    const { llm, openai } = await start({ openai: { timeout: { idle: 40 } } });
    openai.onMessage(/story/, { content: STORY }, { chunkSize: 8, streamingProfile: { ttft: 0, tps: 0.5 } });

    await expect(read(llm.stream({ prompt: 'a story' }))).rejects.toMatchObject({
      code: 'RESILIENCE_LLM_STREAM_INTERRUPTED',
      cause: { code: 'RESILIENCE_TIMEOUT' },
    });
  });

  it('counts a stream that broke against the circuit', async () => {
    const { llm, openai, resilience } = await start({ circuitBreaker: { failureThreshold: 1 } });
    openai.onMessage(/story/, { content: STORY }, { chunkSize: 8, latency: 5, truncateAfterChunks: 4 });

    await read(llm.stream({ prompt: 'a story' })).catch(() => undefined);

    expect(resilience.circuit('llm:openai:gpt-4o-mini')?.state).toBe('open');
  });

  it('ends the request upstream when the reader leaves', async () => {
    const { llm, openai, resilience } = await start({ circuitBreaker: { failureThreshold: 1 } });
    openai.onMessage(/story/, { content: STORY.repeat(50) }, { chunkSize: 4, latency: 5 });

    const stream = llm.stream({ prompt: 'a story' });
    for await (const _text of stream) break;

    await expect(stream.result).rejects.toMatchObject({ name: 'AbortError' });
    expect(resilience.circuit('llm:openai:gpt-4o-mini')?.state).toBe('closed');
  });

  it("ends with the caller's reason when the caller aborts", async () => {
    const { llm, openai } = await start();
    openai.onMessage(/story/, { content: STORY.repeat(50) }, { chunkSize: 4, latency: 5 });
    const caller = new AbortController();

    const reading = (async () => {
      for await (const _text of llm.stream({ prompt: 'a story', signal: caller.signal }))
        caller.abort(new Error('gone'));
    })();

    await expect(reading).rejects.toThrow('gone');
  });

  it('comes from offline, degraded, when every provider is down', async () => {
    const { llm, openai, anthropic } = await start({ retry: false });
    for (const vendor of [openai, anthropic]) vendor.onMessage(/./, { status: 503, error: { message: 'down' } });

    const stream = llm.stream({ prompt: 'Summarise:\n\nThe cat sat on the mat. It was happy there.' });

    expect((await read(stream)).join('')).toContain('The cat sat');
    await expect(stream.result).resolves.toMatchObject({ provider: 'offline', degraded: true, fallbackLevel: 2 });
  });

  it('can be iterated once', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/story/, { content: STORY });
    const stream = llm.stream({ prompt: 'a story' });
    await read(stream);

    await expect(read(stream)).rejects.toThrow('once');
  });
});
