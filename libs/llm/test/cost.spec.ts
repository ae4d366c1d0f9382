import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type LlmApp, type LlmAppOptions, startLlmApp } from './llm-app.fixture.js';
import { LlmModule, type LlmProviderOptions } from '../src/index.js';

const USAGE = {
  ...{ prompt_tokens: 2000, completion_tokens: 500, total_tokens: 2500 },
  prompt_tokens_details: { cached_tokens: 1920 },
  completion_tokens_details: { reasoning_tokens: 400 },
};

describe('what answers cost', () => {
  let app: LlmApp;
  let vendor: Server | undefined;
  /** A server of the OpenAI wire that counts as it likes. */
  const start = async (usage: unknown, more: Partial<LlmProviderOptions> = {}, options: LlmAppOptions = {}) => {
    vendor = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        const isStream = body.includes('"stream":true');
        const common = { id: 'c', created: 1, model: 'm' };
        if (!isStream) {
          response.writeHead(200, { 'content-type': 'application/json' });
          const message = { role: 'assistant', content: 'twelve chars' };
          const choices = [{ index: 0, message, finish_reason: 'stop' }];
          response.end(JSON.stringify({ ...common, object: 'chat.completion', choices, usage }));
          return;
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const [delta, finish_reason] of [
          [{ content: 'twelve chars' }, null],
          [{}, 'stop'],
        ] as const) {
          const choices = [{ index: 0, delta, finish_reason }];
          response.write(`data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', choices })}\n\n`);
        }
        response.end('data: [DONE]\n\n');
      });
    });
    await new Promise<void>((resolve) => vendor?.listen(0, '127.0.0.1', resolve));
    const baseURL = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/v1`;
    app = await startLlmApp({ anthropic: false, offline: false, openai: { baseURL, ...more }, ...options });
    return app.llm;
  };
  afterEach(async () => {
    await app.close();
    vendor?.closeAllConnections();
    await new Promise((resolve) => (vendor ? vendor.close(resolve) : resolve(undefined)));
    vendor = undefined;
  });

  it('counts cached input and thoughts at their own prices', async () => {
    const prices = { inputPerMillion: 10, outputPerMillion: 100, cachedInputPerMillion: 1, reasoningPerMillion: 50 };
    const llm = await start(USAGE, { cost: prices });

    const result = await llm.complete({ prompt: 'hello' });

    expect(result.usage).toEqual({
      ...{ inputTokens: 2000, outputTokens: 500, totalTokens: 2500 },
      ...{ cachedInputTokens: 1920, reasoningTokens: 400 },
    });
    expect(result.costUsd).toBeCloseTo((80 * 10 + 1920 + 100 * 100 + 400 * 50) / 1e6, 9);
  });

  it.each([['nothing'], [null]])('is estimated when the server counts %s', async (usage) => {
    const llm = await start(usage === 'nothing' ? undefined : usage);

    const { usage: counted, costUsd } = await llm.complete({ prompt: 'x'.repeat(40) });
    const stream = llm.stream({ prompt: 'x'.repeat(40) });
    for await (const _ of stream);
    const streamed = await stream.result;

    expect(counted).toEqual({ inputTokens: 10, outputTokens: 3, totalTokens: 13, estimated: true });
    expect(streamed.usage).toEqual(counted);
    expect([costUsd, streamed.costUsd]).toEqual([expect.closeTo(16 / 1e6, 9), expect.closeTo(16 / 1e6, 9)]);
  });

  it('is told nowhere when nobody knows the price', async () => {
    const events: object[] = [];
    const sink = {
      listens: (name: string) => name === 'resilience.llm.completed',
      emit: (_: string, payload: object) => void events.push(payload),
    };
    const resilience = { events: sink };
    const llm = await start(USAGE, { kind: 'openai-compatible', cost: undefined }, { resilience });

    const result = await llm.complete({ prompt: 'hello' });

    for (const told of [result, result.tries[0], events[0], llm.metrics(), llm.metrics().targets['openai:gpt-4o-mini']])
      expect(told).not.toHaveProperty('costUsd');
    expect(llm.metrics()).toMatchObject({ inputTokens: 2000, unpriced: 1 });
  });

  it('is taken from the prices of the module, and from the list without them', async () => {
    const perMillion = { inputPerMillion: 1000, outputPerMillion: 0 };
    const llm = await start(USAGE, { cost: undefined }, { prices: { 'gpt-4o*': perMillion } });
    expect((await llm.complete({ prompt: 'hello' })).costUsd).toBeCloseTo(2, 9);
    expect(llm.targets()[0]?.cost).toMatchObject(perMillion);
    await app.close();
    vendor?.close();

    const listed = await start(USAGE, { cost: undefined });
    expect((await listed.complete({ prompt: 'hello' })).costUsd).toBeCloseTo(
      (80 * 0.15 + 1920 * 0.075 + 500 * 0.6) / 1e6,
      12,
    );
  });

  it('needs prices that can be read', async () => {
    const providers = [{ name: 'offline', kind: 'offline' as const, model: 'extractive' }];

    expect(() => LlmModule.forRoot({ providers, prices: { 'gpt-4o': { inputPerMillion: 1 } as never } })).toThrow(
      /LlmModule > prices > gpt-4o > outputPerMillion/,
    );
    expect(() => LlmModule.forRoot({ providers, prices: 5 as never })).toThrow(/prices by model, e\.g\./);
    await start(USAGE);
  });
});
