import { afterEach, describe, expect, it } from '@jest/globals';
import type { FailureReason } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { embed } from 'ai';
import { LlmConnectivityChecker, LlmModule, type LlmModuleOptions, type LlmProviderOptions } from '../src/index.js';
import { type Answering, type Asked, chat, type ChainApp, json, startChain, startVendor, type Vendor, words } from './vendor.fixture.js'; // prettier-ignore

const HELLO = { prompt: 'hello' } as const;
const ok = json(200, chat('Hi'));
const refusal = (status: number, message: string, headers = {}) => json(status, { error: { message } }, headers);
const keyOf = ({ headers }: Asked) => headers['x-api-key'] ?? headers.authorization?.replace('Bearer ', '');

describe('several keys of one provider', () => {
  const clock = new FakeClock();
  let app: ChainApp | undefined;
  let vendors: Vendor[] = [];
  afterEach(async () => {
    await app?.close();
    await Promise.all(vendors.map((vendor) => vendor.close()));
    vendors = [];
  });

  /** The answer of the first vendor depends on the key; the second one stands behind it. */
  async function start(
    byKey: Readonly<Record<string, Answering>>,
    more: Partial<LlmProviderOptions> = {},
    options: Partial<LlmModuleOptions> = {},
  ) {
    const first = await startVendor((...of) => (byKey[String(keyOf(of[1]))] ?? refusal(401, 'no such key'))(...of));
    const second = await startVendor(ok);
    vendors = [first, second];
    const kind = 'openai-compatible' as const;
    const providers = [
      { name: 'a', kind, model: 'm', baseURL: first.baseURL, apiKey: Object.keys(byKey), ...more },
      { name: 'b', kind, model: 'm', baseURL: second.baseURL, priority: 1 },
    ];
    app = await startChain({ retry: false, ...options, providers }, { clock, random: () => 0 });
    return app;
  }
  const keys = () => vendors[0]?.asked.map(keyOf);

  it.each<[what: string, refused: Answering, reason: FailureReason]>([
    ['is not known', refusal(401, 'Incorrect API key provided'), 'auth'],
    ['is not known, in the words of Gemini', refusal(400, 'API key not valid. Please pass a valid API key.'), 'auth'],
    ['lacks a right', refusal(403, 'Missing scopes: model.request'), 'permission'],
    ['has no money', json(429, { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } }), 'quota'],
    ['has no money, said with 402', refusal(402, 'Payment required'), 'quota'],
    ['is asked too often', refusal(429, 'Rate limit reached', { 'retry-after': '30' }), 'rate_limit'],
  ])('take turns when one %s', async (_what, refused, reason) => {
    const { llm, resilience } = await start({ one: refused, two: ok }, { circuitBreaker: { failureThreshold: 1 } });

    const first = await llm.complete(HELLO);
    const second = await llm.complete(HELLO);

    expect(first).toMatchObject({ provider: 'a', fallbackLevel: 0, attempts: 2, retries: 0 });
    expect(first.tries).toMatchObject([{ outcome: 'failed', reason, again: true, attempt: 1 }, { outcome: 'ok' }]);
    expect(second).toMatchObject({ provider: 'a', attempts: 1 });
    expect(keys()).toEqual(['one', 'two', 'two']);
    expect(resilience.circuit('llm:a:m').state).toBe('closed');
    expect(llm.view()[0]).toMatchObject({ state: 'closed', health: { status: 'up' } });
  }); // prettier-ignore

  it('do not take turns for what is no matter of the key', async () => {
    const { llm } = await start({ one: refusal(500, 'boom'), two: ok });

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'b', attempts: 2 });
    expect(keys()).toEqual(['one']);
  });

  it('are each asked once, then the next target is, and this one is down for the time of its last key', async () => {
    const { llm } = await start({ one: refusal(401, 'no'), two: refusal(403, 'no'), three: refusal(401, 'no') });

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'b', fallbackLevel: 1, attempts: 4 });
    expect(keys()).toEqual(['one', 'two', 'three']);
    expect(llm.view()[0]).toMatchObject({ state: 'down', cooldown: { reason: 'auth' } });
  });

  it('are each asked once also where none is left alone', async () => {
    const cooldown = { auth: 0, rate_limit: 0 };
    const { llm } = await start({ one: refusal(401, 'no'), two: refusal(429, 'slow') }, { cooldown });

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'b' });
    expect(keys()).toEqual(['one', 'two']);
  });

  it('come back after their time', async () => {
    const byKey: Record<string, Answering> = { one: refusal(429, 'slow', { 'retry-after': '30' }), two: ok };
    const { llm } = await start(byKey);
    await llm.complete(HELLO);
    byKey['one'] = ok;
    byKey['two'] = refusal(401, 'taken away');

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'b' });
    await clock.advance('5m');
    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'a' });
    expect(keys()).toEqual(['one', 'two', 'two', 'one']);
  });

  it('are blamed each for its own requests, however many are on their way', async () => {
    const { llm } = await start({ one: refusal(401, 'no'), two: ok, three: ok });

    const all = await Promise.all(Array.from({ length: 20 }, () => llm.complete(HELLO)));

    expect(all.every(({ provider }) => provider === 'a')).toBe(true);
    expect(keys()?.filter((key) => key === 'three')).toEqual([]);
    expect(keys()?.filter((key) => key === 'two')).toHaveLength(20);
  });

  it('take turns in streams, in embeddings, and for all models of the provider', async () => {
    const vector = json(200, { data: [{ index: 0, embedding: [1, 2] }], usage: { prompt_tokens: 1, total_tokens: 1 } });
    const two: Answering = (...of) => (of[1].path.endsWith('/embeddings') ? vector : words('Hi'))(...of);
    const { llm } = await start({ one: refusal(401, 'no'), two }, { models: ['n'] });

    const stream = llm.stream(HELLO);
    for await (const _text of stream);
    for await (const _text of llm.stream({ ...HELLO, model: 'n' }));

    expect(await stream.result).toMatchObject({ provider: 'a', attempts: 2, text: 'Hi' });
    expect(keys()).toEqual(['one', 'two', 'two']);

    await app?.close();
    const [first] = vendors;
    const target = { name: 'a', kind: 'openai' as const, model: 'e', apiKey: ['one', 'two'], baseURL: first?.baseURL };
    const providers = [{ name: 'offline', kind: 'offline' as const, model: 'extractive' }];
    app = await startChain({ providers, embeddings: [target] }, { clock });
    expect((await embed({ model: app.llm.embedding(), value: 'a' })).embedding).toEqual([1, 2]);
    expect(keys()?.slice(3)).toEqual(['one', 'two']);
  });

  it('are sent as the wire of the kind has them', async () => {
    const message = { id: 'c', type: 'message', role: 'assistant', model: 'm', stop_reason: 'end_turn' };
    const content = [{ type: 'text', text: 'Hi' }];
    const two = json(200, { ...message, content, usage: { input_tokens: 1, output_tokens: 1 } });
    const { llm } = await start({ one: refusal(401, 'invalid x-api-key'), two }, { kind: 'anthropic' });

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'a', text: 'Hi', attempts: 2 });
    expect(keys()).toEqual(['one', 'two']);
  });

  it('take turns in checks', async () => {
    const { llm, get } = await start({ one: refusal(401, 'no'), two: json(200, { data: [{ id: 'm' }] }) });

    await get(LlmConnectivityChecker).run();

    expect(llm.view()[0]?.health).toMatchObject({ status: 'up' });
  });

  it('are shown nowhere', async () => {
    const secret = 'team-key-0123456789';
    const echo = refusal(401, `Invalid proxy server token passed. Received API Key = ${secret}`);
    const { llm } = await start({ one: refusal(401, 'no'), [secret]: echo });

    const { tries } = await llm.complete(HELLO);

    expect(tries[1]?.message).toContain('Received API Key');
    expect(JSON.stringify(tries)).not.toContain(secret);
  });

  it.each([[[]], [['k', 'k']], [['k', '']], [['k', 5]], [5]])('cannot be %j', (apiKey) => {
    const providers = [{ name: 'a', kind: 'openai' as const, model: 'm', apiKey: apiKey as never }];

    expect(() => LlmModule.forRoot({ providers })).toThrow(
      /LlmModule > a > apiKey.*a string that is not empty, or a list of such, each once/s,
    );
  });
});
