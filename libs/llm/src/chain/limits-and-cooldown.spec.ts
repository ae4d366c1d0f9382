import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock, seededRandom } from '@nest-resilience/core/testing';
import type { LlmStreamInterruptedError } from '../llm.errors.js';
import type { LlmStream } from '../llm.stream.js';
import { Cooldown } from './cooldown.js';
import { type LlmApp, type LlmAppOptions, startLlmApp } from '../../test/llm-app.fixture.js';

const LIMITED = { status: 429, retryAfter: 60, error: { message: 'Rate limit reached', type: 'rate_limit_error' } };
const BROKEN = { status: 500, error: { message: 'boom' } };
const HELLO = { prompt: 'hello' } as const;

async function read(stream: LlmStream): Promise<void> {
  for await (const _text of stream);
}

let app: LlmApp | undefined;
const clock = new FakeClock();
const start = async (options?: LlmAppOptions) =>
  (app = await startLlmApp({ resilience: { clock, random: () => 0 }, ...options }));
afterEach(async () => {
  await app?.close();
  app = undefined;
});

describe('a target that asked to be left alone', () => {
  it('is put behind the others until its time has come', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, LIMITED);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });
    await llm.complete(HELLO);

    const meanwhile = await llm.complete(HELLO);
    await clock.advance('60s');
    await llm.complete(HELLO);

    expect(meanwhile).toMatchObject({ provider: 'anthropic', fallbackLevel: 1, attempts: 1 });
    expect(meanwhile.tries[0]).toMatchObject({
      provider: 'openai',
      outcome: 'skipped',
      reason: 'rate_limit',
      message: expect.stringContaining('asked to be left alone for another 60000 ms'),
    });
    expect(openai.getRequests()).toHaveLength(2);
  });

  it('is left alone also when the others fail and its time is far: the caller hears how long', async () => {
    const { llm, openai, anthropic } = await start({ retry: false, offline: false });
    openai.onMessage(/hello/, LIMITED);
    anthropic.on({ userMessage: /hello/, sequenceIndex: 0 }, { content: 'Bonjour' });
    anthropic.onMessage(/hello/, BROKEN);
    await llm.complete(HELLO);

    await expect(llm.complete(HELLO)).rejects.toMatchObject({
      code: 'RESILIENCE_LLM_UNAVAILABLE',
      statusCode: 503,
      retryAfterMs: 60_000,
    });
    expect(openai.getRequests()).toHaveLength(1);
  });

  it('is left alone also when it is the only model: offline answers, until its time has come', async () => {
    const { llm, openai } = await start({ anthropic: false });
    openai.on({ userMessage: /hello/, sequenceIndex: 0 }, LIMITED);
    openai.onMessage(/hello/, { content: 'Hi' });
    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'offline' });
    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'offline', attempts: 1 });

    await clock.advance('60s');

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'openai', attempts: 1, fallbackLevel: 0 });
  });

  it('is left alone for five minutes at most, whatever it asked for', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, { ...LIMITED, retryAfter: 31_536_000 });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });
    await llm.complete(HELLO);

    await clock.advance('299s');
    await llm.complete(HELLO);
    expect(openai.getRequests()).toHaveLength(1);
    await clock.advance('1s');
    await llm.complete(HELLO);
    expect(openai.getRequests()).toHaveLength(2);
  });
});

describe('the end of a cooldown', () => {
  const waitOf = (random: () => number, retryAfterMs = 60_000) => {
    const cooldown = new Cooldown(clock, random);
    cooldown.failed(Object.assign(new Error('slow down'), { status: 429, retryAfterMs }));
    return cooldown.remainingMs;
  };

  it('is never earlier than what was asked for, and a tenth later at most', () => {
    const random = seededRandom(7);

    const waits = Array.from({ length: 200 }, () => waitOf(random));

    expect(Math.min(...waits)).toBeGreaterThanOrEqual(60_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(66_000);
    expect(waitOf(() => 0)).toBe(60_000);
  });

  it('is another one in every replica, also at the longest wait', () => {
    const replicas = [1, 2, 3, 4].map((seed) => waitOf(seededRandom(seed)));
    const longest = [1, 2, 3, 4].map((seed) => waitOf(seededRandom(seed), 31_536_000_000));

    expect(new Set(replicas).size).toBe(4);
    expect(new Set(longest).size).toBe(4);
    for (const wait of longest) expect(wait).toBeLessThanOrEqual(330_000);
  });

  it('is drawn from the chance that the application was given', async () => {
    const { llm, openai, anthropic } = await start({ resilience: { clock, random: () => 0.5 } });
    openai.onMessage(/hello/, LIMITED);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });
    await llm.complete(HELLO);

    const { tries } = await llm.complete(HELLO);

    expect(tries[0]?.message).toContain('another 63000 ms');
  });

  it('does not change with an answer to a request that was sent before the hint', () => {
    const cooldown = new Cooldown(clock, () => 0);
    const answered = cooldown.asked();
    cooldown.failed(Object.assign(new Error('slow down'), { status: 429, retryAfterMs: 60_000 }));

    answered();
    expect(cooldown.remainingMs).toBe(60_000);

    cooldown.asked()();
    expect(cooldown.remainingMs).toBe(0);
  });
});

describe('the limits of a target', () => {
  it('hold for whole answers and streams together', async () => {
    const { llm, openai, anthropic } = await start({ openai: { limits: { requestsPerMinute: 2 } } });
    openai.onMessage(/hello/, { content: 'Hi' });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });
    await llm.complete(HELLO);
    await read(llm.stream(HELLO));

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'anthropic', tries: [{ outcome: 'skipped' }, {}] });
    await clock.advance('30s');
    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'openai' });
  });

  it('are not exceeded by retries', async () => {
    const { llm, openai, anthropic } = await start({
      openai: { limits: { requestsPerMinute: 1 }, retry: { strategy: 'immediate', maxRetries: 2 } },
    });
    openai.onMessage(/hello/, BROKEN);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const result = await llm.complete(HELLO);

    expect(openai.getRequests()).toHaveLength(1);
    expect(result.tries).toMatchObject([
      { provider: 'openai', outcome: 'failed', reason: 'server_error' },
      { provider: 'openai', outcome: 'skipped', reason: 'rate_limit' },
      { provider: 'anthropic', outcome: 'ok' },
    ]);
  });

  it('in tokens are settled with what the provider counted, and do not count what it refused', async () => {
    const { llm, openai, anthropic } = await start({ openai: { limits: { tokensPerMinute: 1000 }, retry: false } });
    openai.on({ userMessage: /hello/, sequenceIndex: 0 }, BROKEN);
    openai.onMessage(/hello/, { content: 'Hi', usage: { prompt_tokens: 500, completion_tokens: 400 } });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const providers = [];
    for (let call = 0; call < 3; call++) providers.push((await llm.complete(HELLO)).provider);

    expect(providers).toEqual(['anthropic', 'openai', 'anthropic']);
    expect(openai.getRequests()).toHaveLength(2);
  });
});

describe('what is paid for without an answer', () => {
  it('is told of a stream that broke, as an estimate', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/hello/, { content: 'x'.repeat(400) }, { chunkSize: 100, latency: 5, truncateAfterChunks: 4 });

    const error: unknown = await read(llm.stream(HELLO)).catch((caught: unknown) => caught);

    const { targets, wastedCostUsd } = llm.metrics();
    const { partialText } = error as LlmStreamInterruptedError;
    // "hello" is 2 tokens at 1 USD per million, what came is paid at 2.
    expect(targets['openai:gpt-4o-mini']).toMatchObject({ inputTokens: 2, outputTokens: partialText.length / 4 });
    expect(wastedCostUsd).toBeCloseTo((2 + (partialText.length / 4) * 2) / 1e6, 12);
  });

  it('is told of an answer that a filter cut', async () => {
    const { llm, openai, anthropic } = await start();
    const usage = { prompt_tokens: 1_000_000, completion_tokens: 0 };
    openai.onMessage(/hello/, { content: 'I would', finishReason: 'content_filter', usage });

    await expect(llm.complete(HELLO)).rejects.toMatchObject({ code: 'RESILIENCE_LLM_REFUSED', provider: 'openai' });

    expect(llm.metrics().wastedCostUsd).toBe(1);
    expect(openai.getRequests()).toHaveLength(1);
    expect(anthropic.getRequests()).toHaveLength(0);
  });
});
