import { afterEach, describe, expect, it } from '@jest/globals';
import { ResilienceOptionsError } from '@nest-resilience/core';
import { z } from 'zod';
import { type LlmApp, type LlmAppOptions, startLlmApp } from '../test/llm-app.fixture.js';
import { LlmUnavailableError } from './llm.errors.js';

const RATE_LIMITED = { message: 'Rate limit reached', type: 'rate_limit_error', code: 'rate_limit_exceeded' };
const NO_MONEY = { message: 'You exceeded your current quota', type: 'insufficient_quota', code: 'insufficient_quota' };
const LABEL = z.object({ label: z.enum(['spam', 'ham']), score: z.number() });

describe('LlmService.complete', () => {
  let app: LlmApp;
  const start = async (options?: LlmAppOptions) => (app = await startLlmApp(options));
  afterEach(() => app.close());

  it('answers with the first provider, its tokens and its cost', async () => {
    const { llm, openai } = await start();
    openai.onMessage(/hello/, { content: 'Hi there', usage: { prompt_tokens: 1000, completion_tokens: 500 } });

    const result = await llm.complete({ prompt: 'hello', system: 'be kind', maxOutputTokens: 50, temperature: 0 });

    expect(result).toMatchObject({
      text: 'Hi there',
      provider: 'openai',
      model: 'gpt-4o-mini',
      fallbackLevel: 0,
      attempts: 1,
      retries: 0,
      heals: 0,
      usage: { inputTokens: 1000, outputTokens: 500, totalTokens: 1500 },
      wastedCostUsd: 0,
      degraded: false,
      truncated: false,
      tries: [{ outcome: 'ok', attempt: 1 }],
    });
    expect(result.costUsd).toBeCloseTo(0.002);
    expect(openai.getLastRequest()?.body).toMatchObject({
      messages: [
        { role: 'system', content: 'be kind' },
        { role: 'user', content: 'hello' },
      ],
      max_tokens: 50,
      temperature: 0,
    });
  });

  it('says that an answer stops at the token limit', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, { content: 'Hi the', finishReason: 'length' });
    anthropic.onMessage(/hello/, { content: 'Bonj', finishReason: 'length' });

    const stream = llm.stream({ prompt: 'hello', maxOutputTokens: 2 });
    for await (const _ of stream);
    const results = [
      await llm.complete({ prompt: 'hello', maxOutputTokens: 2 }),
      await llm.complete({ prompt: 'hello', maxOutputTokens: 2, model: 'anthropic' }),
      await stream.result,
    ];

    expect(results.map(({ text, truncated }) => [text, truncated])).toEqual([
      ['Hi the', true],
      ['Bonj', true],
      ['Hi the', true],
    ]);
  });

  it('speaks to Anthropic too', async () => {
    const { llm, anthropic } = await start({ openai: false });
    anthropic.onMessage(/hello/, { content: 'Bonjour', usage: { input_tokens: 7, output_tokens: 3 } });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result).toMatchObject({
      text: 'Bonjour',
      provider: 'anthropic',
      usage: { inputTokens: 7, outputTokens: 3 },
    });
  });

  it('speaks to any server with the OpenAI wire, and to Ollama', async () => {
    const { openai } = await start();
    const baseURL = `${openai.url}/v1`;
    openai.onMessage(/hello/, { content: 'Hi' });
    for (const [kind, url] of [
      ['openai-compatible', baseURL],
      ['ollama', openai.url],
    ] as const) {
      const other = await startLlmApp({ openai: { kind, baseURL: url, name: 'local' }, anthropic: false });

      const result = await other.llm.complete({ prompt: 'hello' });

      expect(result).toMatchObject({ text: 'Hi', provider: 'local' });
      await other.close();
    }
  });

  it('waits as long as a 429 asks for and asks the only model again', async () => {
    const { llm, openai } = await start({ anthropic: false, resilience: { random: () => 0 } });
    openai.on({ userMessage: /hello/, sequenceIndex: 0 }, { status: 429, retryAfter: 0, error: RATE_LIMITED });
    openai.on({ userMessage: /hello/ }, { content: 'Hi' });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result).toMatchObject({ provider: 'openai', attempts: 2, retries: 1, fallbackLevel: 0 });
    expect(result.tries).toMatchObject([
      { outcome: 'failed', reason: 'rate_limit', attempt: 1 },
      { outcome: 'ok', attempt: 2 },
    ]);
  });

  it('goes to the next provider at once when a 429 asks for more patience than the cap', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, { status: 429, retryAfter: 60, error: RATE_LIMITED });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result).toMatchObject({ provider: 'anthropic', fallbackLevel: 1, attempts: 2, retries: 0 });
    expect(openai.getRequests()).toHaveLength(1);
  });

  it.each([
    ['an exhausted quota', { status: 429, error: NO_MONEY }, 'quota', 1],
    ['a wrong key', { status: 401, error: { message: 'Incorrect API key', type: 'invalid_request_error' } }, 'auth', 1],
    ['a model that is gone', { status: 404, error: { message: 'The model does not exist' } }, 'not_found', 1],
    ['a server error', { status: 500, error: { message: 'boom' } }, 'server_error', 3],
    ['an overload', { status: 529, error: { message: 'Overloaded', type: 'overloaded_error' } }, 'overloaded', 3],
  ])('goes to the next provider after %s', async (_what, response, reason, requests) => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, response);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result).toMatchObject({ text: 'Bonjour', fallbackLevel: 1, attempts: requests + 1, retries: requests - 1 });
    expect(result.tries[0]).toMatchObject({ provider: 'openai', outcome: 'failed', reason });
    expect(openai.getRequests()).toHaveLength(requests);
  });

  it.each([
    ['a dropped socket', { disconnectRate: 1 }, 'network'],
    ['a body that is no JSON', { malformedRate: 1 }, 'invalid_output'],
  ])('goes to the next provider after %s', async (_what, chaos, reason) => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, { content: 'Hi' }).setChaos(chaos);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result).toMatchObject({ text: 'Bonjour', fallbackLevel: 1, attempts: 4 });
    expect(result.tries[0]).toMatchObject({ outcome: 'failed', reason });
  });

  it('gives a provider that hangs as long as its timeout, then asks the next one', async () => {
    const { llm, openai, anthropic } = await start({ openai: { timeout: 50, retry: { maxRetries: 1 } } });
    openai.onMessage(/hello/, () => new Promise<never>(() => undefined));
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result).toMatchObject({ text: 'Bonjour', attempts: 3 });
    expect(result.tries.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['failed', 'timeout'],
      ['failed', 'timeout'],
      ['ok', undefined],
    ]);
  });

  it('answers offline, marked as degraded, when every provider is down', async () => {
    const { llm, openai, anthropic } = await start({ retry: false });
    for (const vendor of [openai, anthropic]) vendor.onMessage(/./, { status: 503, error: { message: 'down' } });

    const result = await llm.complete({
      prompt: 'Classify as one of: spam, ham\n\nClick now to claim your free prize',
      schema: LABEL,
      degraded: 'accept',
    });

    expect(result).toMatchObject({
      provider: 'offline',
      degraded: true,
      fallbackLevel: 2,
      costUsd: 0,
      object: { label: 'spam', score: 0.5 },
    });
  });

  it('names the reason of every target when nobody can answer', async () => {
    const { llm, openai, anthropic } = await start({ offline: false, retry: false });
    openai.onMessage(/hello/, { status: 401, error: { message: 'Incorrect API key' } });
    anthropic.onMessage(/hello/, { status: 503, error: { message: 'down' } });

    const error = await llm.complete({ prompt: 'hello' }).catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(LlmUnavailableError);
    expect(error).toMatchObject({
      code: 'RESILIENCE_LLM_UNAVAILABLE',
      statusCode: 503,
      failures: [
        { provider: 'openai', reason: 'auth' },
        { provider: 'anthropic', reason: 'overloaded' },
      ],
      cause: { statusCode: 401 },
      message: expect.stringContaining('openai:gpt-4o-mini auth (Incorrect API key)'),
    });
  });

  it('throws refused content unchanged and asks nobody else', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, { status: 400, error: { message: 'Blocked', code: 'content_policy_violation' } });

    await expect(llm.complete({ prompt: 'hello' })).rejects.toMatchObject({ statusCode: 400, message: 'Blocked' });

    expect(openai.getRequests()).toHaveLength(1);
    expect(anthropic.getRequests()).toHaveLength(0);
  });

  it('takes a text that is too long on to a larger model only', async () => {
    const { llm, openai, anthropic } = await start({
      openai: { contextWindow: 8_000, models: [{ model: 'same', contextWindow: 8_000 }] },
      anthropic: { contextWindow: 200_000 },
    });
    openai.onMessage(/hello/, { status: 400, error: { message: 'Too long', code: 'context_length_exceeded' } });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result).toMatchObject({ provider: 'anthropic', fallbackLevel: 2, attempts: 2 });
    expect(result.tries).toMatchObject([
      { provider: 'openai', outcome: 'failed', reason: 'context_length' },
      { model: 'same', outcome: 'skipped', reason: 'context_length' },
      { provider: 'anthropic', outcome: 'ok' },
    ]);
  });

  it('stops at once when the caller goes away', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, () => new Promise<never>(() => undefined));
    const caller = new AbortController();

    const call = llm.complete({ prompt: 'hello', signal: caller.signal });
    caller.abort(new Error('gone'));

    await expect(call).rejects.toThrow('gone');
    expect(anthropic.getRequests()).toHaveLength(0);
  });

  it('feeds the problem back until the answer matches the schema', async () => {
    const { llm, openai } = await start();
    const usage = { prompt_tokens: 1_000_000, completion_tokens: 0 };
    openai.on({ userMessage: /is this spam/ }, { content: '{"label":"maybe","score":1}', usage });
    openai.on({ userMessage: /cannot be used/ }, { content: '```json\n{"label":"spam","score":1}\n```', usage });

    const result = await llm.complete({ prompt: 'is this spam?', schema: LABEL });

    expect(result).toMatchObject({
      object: { label: 'spam', score: 1 },
      heals: 1,
      attempts: 2,
      retries: 0,
      costUsd: 2,
      wastedCostUsd: 1,
    });
    expect(result.tries).toMatchObject([
      { outcome: 'invalid', reason: 'invalid_output', message: expect.stringContaining('/label') },
      { outcome: 'ok' },
    ]);
    expect(openai.getLastRequest()?.body).toMatchObject({
      response_format: { type: 'json_schema' },
      messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'user', content: expect.stringContaining('/label') }],
    });
  });

  it('gives up on a model that cannot be healed and asks the next one', async () => {
    const { llm, openai, anthropic } = await start({ heals: 1 });
    openai.onMessage(/./, { content: 'I would rather not' });
    anthropic.onMessage(/./, { content: '{"label":"ham","score":0}' });

    const result = await llm.complete({ prompt: 'is this spam?', schema: LABEL });

    expect(result).toMatchObject({ provider: 'anthropic', object: { label: 'ham' }, attempts: 3, heals: 1 });
    expect(openai.getRequests()).toHaveLength(2);
  });

  it('describes the schema in the prompt for models that are not told by the wire', async () => {
    const { llm, openai } = await start({ openai: { structuredOutput: 'prompt' } });
    openai.onMessage(/./, { content: '{"label":"ham","score":0}' });

    await llm.complete({ prompt: 'is this spam?', schema: LABEL });

    const body = openai.getLastRequest()?.body;
    expect(body).not.toHaveProperty('response_format');
    expect(body).toMatchObject({
      messages: [{ role: 'system', content: expect.stringContaining('JSON Schema') }, { role: 'user' }],
    });
  });

  it('opens the circuit of a target that keeps failing and sends nothing more to it', async () => {
    const { llm, openai, anthropic, resilience } = await start({
      retry: false,
      circuitBreaker: { failureThreshold: 2 },
    });
    openai.onMessage(/hello/, { status: 500, error: { message: 'boom' } });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });
    await llm.complete({ prompt: 'hello' });
    await llm.complete({ prompt: 'hello' });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result.tries).toMatchObject([
      { provider: 'openai', outcome: 'rejected', reason: 'circuit_open', attempt: 0 },
      { provider: 'anthropic', outcome: 'ok' },
    ]);
    expect(openai.getRequests()).toHaveLength(2);
    expect(resilience.circuit('llm:openai:gpt-4o-mini').state).toBe('open');
  });

  it('goes on to the next target when the first has no room left this minute', async () => {
    const { llm, openai, anthropic } = await start({ openai: { limits: { requestsPerMinute: 1 } } });
    openai.onMessage(/hello/, { content: 'Hi' });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });
    await llm.complete({ prompt: 'hello' });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result).toMatchObject({ provider: 'anthropic', fallbackLevel: 1, attempts: 1 });
    expect(result.tries[0]).toMatchObject({ provider: 'openai', outcome: 'skipped', reason: 'rate_limit' });
  });

  it('begins where the request says', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, { content: 'Hi' });
    anthropic.onMessage(/hello/, { status: 401, error: { message: 'no' } });

    const result = await llm.complete({ prompt: 'hello', model: 'anthropic:claude-sonnet-4-5' });

    expect(result).toMatchObject({ provider: 'openai', fallbackLevel: 1 });
  });

  it('refuses a request that cannot work, with all its problems', async () => {
    const { llm } = await start();

    const error = await llm
      .complete({ prompt: '', model: 'opnai', maxOutputTokens: 0 })
      .catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(ResilienceOptionsError);
    expect((error as ResilienceOptionsError).problems).toHaveLength(3);
    expect((error as Error).message).toContain("did you mean 'openai'?");
  });

  it('counts calls, tokens and money', async () => {
    const { llm, openai, anthropic } = await start({ retry: false });
    openai.on(
      { userMessage: /hello/, sequenceIndex: 0 },
      { content: 'Hi', usage: { prompt_tokens: 10, completion_tokens: 5 } },
    );
    openai.on({ userMessage: /hello/ }, { status: 500, error: { message: 'boom' } });
    anthropic.onMessage(/hello/, { content: 'Bonjour', usage: { input_tokens: 1, output_tokens: 1 } });
    await llm.complete({ prompt: 'hello' });
    await llm.complete({ prompt: 'hello' });

    expect(llm.metrics()).toMatchObject({
      calls: 2,
      completed: 2,
      failed: 0,
      byFallbackLevel: [1, 1],
      inputTokens: 11,
      outputTokens: 6,
      targets: {
        'openai:gpt-4o-mini': { served: 1, requests: 2, failed: 1 },
        'anthropic:claude-sonnet-4-5': { served: 1, requests: 1 },
      },
    });
  });
});
