import { afterEach, describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type LlmApp, type LlmAppOptions, startLlmApp } from '../test/llm-app.fixture.js';
import type { LlmStream } from './llm.stream.js';

const STORY = 'one two three four five six seven eight';

async function read(stream: LlmStream): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of stream) texts.push(text);
  return texts;
}

const CHUNK = `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content: 'more ' } }] })}\n\n`;

interface StreamVendor {
  readonly baseURL: string;
  /** A request has come. */
  readonly asked: Promise<void>;
  /** Some text is on its way. */
  readonly hasSent: Promise<void>;
  readonly clientLeft: Promise<void>;
}

/** A server that answers every request with an event stream; it goes away with its last connection. */
async function startVendor(answer: (response: ServerResponse, sent: () => void) => void): Promise<StreamVendor> {
  const signals = { asked: () => undefined as void, sent: () => undefined as void, left: () => undefined as void };
  const promised = (name: keyof typeof signals) => new Promise<void>((resolve) => (signals[name] = resolve));
  const [asked, hasSent, clientLeft] = [promised('asked'), promised('sent'), promised('left')];
  const server = createServer((_request, response) => {
    response.once('close', () => {
      signals.left();
      server.close();
      server.closeAllConnections();
    });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    signals.asked();
    answer(response, signals.sent);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { baseURL: `http://127.0.0.1:${port}/v1`, asked, hasSent, clientLeft };
}

/** It goes on until its client leaves. */
function startEndlessVendor(): ReturnType<typeof startVendor> {
  let chunks = 0;
  return startVendor((response, sent) => {
    const timer = setInterval(() => {
      response.write(CHUNK);
      // By now the first ones have been read.
      if (++chunks === 10) sent();
    }, 5);
    response.once('close', () => clearInterval(timer));
  });
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
    openai.onMessage(/story/, () => new Promise<never>(() => undefined));
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
    const { llm, openai } = await start({ openai: { timeout: { idle: 60 } } });
    openai.onMessage(/story/, { content: STORY }, { chunkSize: 8, latency: 200 });

    await expect(read(llm.stream({ prompt: 'a story' }))).rejects.toMatchObject({
      code: 'RESILIENCE_LLM_STREAM_INTERRUPTED',
      cause: { code: 'RESILIENCE_TIMEOUT' },
    });
  });

  it('counts a stream that broke against the circuit', async () => {
    const { llm, openai, resilience } = await start({ circuitBreaker: { failureThreshold: 1 } });
    openai.onMessage(/story/, { content: STORY }, { chunkSize: 8, latency: 5, truncateAfterChunks: 4 });

    await read(llm.stream({ prompt: 'a story' })).catch(() => undefined);

    expect(resilience.circuit('llm:openai:gpt-4o-mini').state).toBe('open');
  });

  it('ends the request upstream when the reader leaves', async () => {
    const vendor = await startEndlessVendor();
    const { llm, resilience } = await start({
      openai: { baseURL: vendor.baseURL },
      circuitBreaker: { failureThreshold: 1 },
    });

    const stream = llm.stream({ prompt: 'a story' });
    for await (const _text of stream) break;

    await vendor.clientLeft;
    await expect(stream.result).rejects.toMatchObject({ name: 'AbortError' });
    expect(resilience.circuit('llm:openai:gpt-4o-mini').state).toBe('closed');
  });

  it("ends upstream too, with the caller's reason, when the caller aborts", async () => {
    const vendor = await startEndlessVendor();
    const { llm, anthropic } = await start({ openai: { baseURL: vendor.baseURL } });
    const caller = new AbortController();

    const reading = (async () => {
      const stream = llm.stream({ prompt: 'a story', signal: caller.signal });
      for await (const _text of stream) caller.abort(new Error('gone'));
    })();

    await expect(reading).rejects.toThrow('gone');
    await vendor.clientLeft;
    expect(anthropic.getRequests()).toHaveLength(0);
  });

  it('tells what it cost until the caller aborted', async () => {
    const vendor = await startEndlessVendor();
    const { llm } = await start({ openai: { baseURL: vendor.baseURL } });
    const caller = new AbortController();
    const stream = llm.stream({ prompt: 'a story', signal: caller.signal });

    const reading = read(stream);
    await vendor.hasSent;
    caller.abort(new Error('gone'));
    await expect(reading).rejects.toThrow('gone');

    const { targets } = llm.metrics();
    expect(targets['openai:gpt-4o-mini']).toMatchObject({ inputTokens: 2, failed: 1 });
    expect(targets['openai:gpt-4o-mini']?.outputTokens).toBeGreaterThan(0);
  });

  it('ends the request upstream when the reader leaves while it waits for a word', async () => {
    const vendor = await startVendor(() => undefined);
    const { llm, anthropic } = await start({ openai: { baseURL: vendor.baseURL } });
    const stream = llm.stream({ prompt: 'a story' });
    const texts = stream[Symbol.asyncIterator]();
    const waiting = texts.next();
    await vendor.asked;

    await texts.return?.();

    await vendor.clientLeft;
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
    await expect(texts.next()).resolves.toEqual({ done: true, value: undefined });
    await expect(stream.result).rejects.toMatchObject({ name: 'AbortError' });
    expect(anthropic.getRequests()).toHaveLength(0);
  });

  it('settles its result when the reader leaves before the first word was asked for', async () => {
    const { llm, openai } = await start();
    const stream = llm.stream({ prompt: 'a story' });

    await stream[Symbol.asyncIterator]().return?.();

    await expect(stream.result).rejects.toMatchObject({ name: 'AbortError' });
    expect(openai.getRequests()).toHaveLength(0);
  });

  it('lets go of the signal of a caller that makes many calls', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/story/, { content: STORY });
    const { signal } = new AbortController();

    for (let call = 0; call < 3; call++) await read(llm.stream({ prompt: 'a story', signal }));

    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('does not take a stream for whole that ends without having said so', async () => {
    const vendor = await startVendor((response) => response.end(CHUNK));
    const { llm } = await start({ openai: { baseURL: vendor.baseURL } });

    await expect(read(llm.stream({ prompt: 'a story' }))).rejects.toMatchObject({ partialText: 'more ' });
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
