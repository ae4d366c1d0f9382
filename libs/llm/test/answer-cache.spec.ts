import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { z } from 'zod';
import { type LlmApp, type LlmAppOptions, startLlmApp } from './llm-app.fixture.js';
import { type LlmAnswerStore, LlmModule, type LlmRequest } from '../src/index.js';

let app: LlmApp;
afterEach(() => app.close());

async function start(options: LlmAppOptions = { cache: '1m' }): Promise<LlmApp> {
  app = await startLlmApp({ anthropic: false, offline: false, ...options });
  app.openai.onMessage(/hello/, { content: '{"a":"2026-01-31"}' });
  return app;
}

const asked = () => app.openai.getRequests().length;

describe('answers that are kept', () => {
  it('answer an equal request without asking and without cost, and say so', async () => {
    const { llm } = await start();

    const first = await llm.complete({ prompt: 'hello', temperature: 0 });
    const second = await llm.complete({ prompt: 'hello', temperature: 0, signal: new AbortController().signal });

    expect(first).not.toHaveProperty('cached');
    expect(second).toMatchObject({
      ...{
        text: first.text,
        provider: 'openai',
        model: 'gpt-4o-mini',
        cached: true,
        attempts: 0,
        costUsd: 0,
        tries: [],
      },
      usage: { totalTokens: 0 },
    });
    expect(asked()).toBe(1);
  });

  it.each<[string, Partial<LlmRequest>]>([
    ['another text', { prompt: 'hello you' }],
    ['another setting', { temperature: 1 }],
    ['another limit', { maxOutputTokens: 7 }],
    ['another schema', { schema: { type: 'object' } }],
    ['another tenant', { tenant: 'b' }],
    ['another model first', { model: 'other' }],
    ['other messages', { prompt: undefined, messages: [{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'x' }] }], // prettier-ignore
    ['a wish not to', { cache: false }],
  ])('do not answer %s', async (_, more) => {
    const { llm } = await start({ cache: '1m', openai: { models: ['other'] } });

    await llm.complete({ prompt: 'hello', tenant: 'a' });
    await llm.complete({ prompt: 'hello', tenant: 'a', ...more });

    expect(asked()).toBe(2);
  });

  it('are checked and transformed anew by the schema of each call', async () => {
    const { llm } = await start();
    const schema = z.object({ a: z.string().transform((text) => text.length) });

    await llm.complete({ prompt: 'hello', schema });
    const again = await llm.complete({
      prompt: 'hello',
      schema: z.object({ a: z.string().transform((text) => text.length) }),
    });

    expect([again.object, again.cached, asked()]).toEqual([{ a: 10 }, true, 1]);
  });

  it('are forgotten after their time, and beyond their number', async () => {
    const clock = new FakeClock();
    const { llm } = await start({ cache: { ttl: '1m', maxEntries: 1 }, resilience: { clock } });

    await llm.complete({ prompt: 'hello' });
    await clock.advance('59s');
    expect((await llm.complete({ prompt: 'hello' })).cached).toBe(true);
    await clock.advance('1s');
    expect(await llm.complete({ prompt: 'hello' })).not.toHaveProperty('cached');
    await llm.complete({ prompt: 'hello again' });

    expect(await llm.complete({ prompt: 'hello' })).not.toHaveProperty('cached');
  });

  it('are whole answers of models only', async () => {
    const { llm, openai } = await start({ cache: '1m', offline: {} });
    openai.onMessage(/long/, { content: 'it goes', finishReason: 'length' });

    for (let round = 0; round < 2; round++) {
      expect(await llm.complete({ prompt: 'long' })).not.toHaveProperty('cached');
      expect(await llm.complete({ prompt: 'A text. Another one.', model: 'offline' })).not.toHaveProperty('cached');
    }
  });

  it('are kept where nobody asks twice in vain: not without a cache', async () => {
    const { llm } = await start({});

    await llm.complete({ prompt: 'hello' });
    await llm.complete({ prompt: 'hello' });

    expect(asked()).toBe(2);
  });
});

describe('a store of answers', () => {
  it('is shared by whoever has it, and holds no text of a request in its keys', async () => {
    const kept = new Map<string, string>();
    const store: LlmAnswerStore = {
      get: async (key) => kept.get(key) ?? null,
      set: async (key, answer) => void kept.set(key, answer),
    };
    await (await start({ cache: { ttl: '1m', store } })).llm.complete({ prompt: 'hello' });
    await setImmediate();
    await app.close();

    const { llm } = await start({ cache: { ttl: '1m', store } });

    expect((await llm.complete({ prompt: 'hello' })).cached).toBe(true);
    expect([...kept.keys()]).toEqual([expect.stringMatching(/^llm:[\da-f]{64}$/)]);
  });

  it.each<[string, LlmAnswerStore]>([
    ['fails', { get: () => Promise.reject(new Error('down')), set: () => Promise.reject(new Error('down')) }],
    ['throws', { get: () => { throw new Error('down'); }, set: () => { throw new Error('down'); } }], // prettier-ignore
    ['holds something else', { get: () => '<html>', set: () => undefined }],
  ])('that %s is as good as none', async (_, store) => {
    const { llm } = await start({ cache: { ttl: '1m', store } });

    expect(await llm.complete({ prompt: 'hello' })).toMatchObject({ text: '{"a":"2026-01-31"}', attempts: 1 });
  });

  it('that never answers is waited for one second', async () => {
    const clock = new FakeClock();
    const store = { get: () => new Promise<never>(() => undefined), set: () => undefined };
    const { llm } = await start({ cache: { ttl: '1m', store }, resilience: { clock } });

    const answer = llm.complete({ prompt: 'hello' });
    await setImmediate();
    await clock.advance('1s');

    expect(await answer).toMatchObject({ attempts: 1 });
  });

  it('must be one', async () => {
    await start();

    const providers = [{ name: 'offline', kind: 'offline' as const, model: 'extractive' }];
    const read = (cache: object) => () => LlmModule.forRoot({ providers, cache: cache as never });

    expect(read({ ttl: '1m', store: {} })).toThrow(/LlmModule > cache > store: .*an object with the methods get, set/);
    expect(read({})).toThrow(/LlmModule > cache > ttl/);
  });
});
