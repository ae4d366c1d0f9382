import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { generateText } from 'ai';
import type { LlmModuleOptions } from '../src/llm.options.js';
import type { LlmProviderOptions } from '../src/options/provider.options.js';
import { type ChainApp, chat, dead, json, startChain, startVendor, type Vendor } from './vendor.fixture.js';

const HELLO = { prompt: 'hello' } as const;
const COST = { inputPerMillion: 1_000_000, outputPerMillion: 1_000_000 };

let old: Vendor;
let other: Vendor;
let app: ChainApp | undefined;
const clock = new FakeClock();
beforeEach(async () => {
  [old, other] = [await startVendor(json(200, chat('old'))), await startVendor(json(200, chat('new')))];
});
afterEach(() => Promise.all([app?.close(), old.close(), other.close()]));

const at = (vendor: Vendor, more: Partial<LlmProviderOptions> = {}): LlmProviderOptions => ({
  ...{ name: 'a', kind: 'openai-compatible', model: 'm', baseURL: vendor.baseURL, cost: COST, ...more },
});
const quick = { retry: false, health: { enabled: false } } as const;
const options = (...providers: LlmProviderOptions[]): LlmModuleOptions => ({ ...quick, providers });

async function start(given: LlmModuleOptions) {
  app = await startChain(given, { clock, random: () => 0 });
  return app.llm;
}

describe('options that are changed while the application runs', () => {
  it('hold for the next call at every door, also of models that were made before', async () => {
    const llm = await start(options(at(old)));
    const model = llm.model();
    await llm.complete(HELLO);

    llm.reconfigure(options(at(other, { name: 'b' })));

    expect(await llm.complete(HELLO)).toMatchObject({ text: 'new', provider: 'b' });
    expect((await generateText({ model, prompt: 'x' })).text).toBe('new');
    expect(llm.targets()).toMatchObject([{ provider: 'b' }]);
    expect(llm.connectivity.all()).toMatchObject([{ provider: 'b', status: 'up' }]);
    expect(old.asked).toHaveLength(1);
  });

  it('let a call that runs end with what it began with', async () => {
    let release: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      old.answer = (...request) => {
        release = () => json(200, chat('late'))(...request);
        resolve();
      };
    });
    const llm = await start(options(at(old)));
    const call = llm.complete(HELLO);
    await asked;

    llm.reconfigure(options(at(other, { name: 'b' })));
    release();

    expect(await call).toMatchObject({ text: 'late', provider: 'a' });
  });

  it('leave a target that is the same its limits and its cooldown', async () => {
    const limits = { requestsPerMinute: 2, maxWait: 0 };
    const llm = await start(options(at(old, { limits })));
    await llm.complete(HELLO);

    llm.reconfigure(options(at(old, { limits }), at(other, { name: 'b', priority: 1 })));

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'a' });
    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'b' });
    old.answer = json(429, { error: { message: 'slow' } }, { 'retry-after': '60' });
    await clock.advance('1m');
    await llm.complete(HELLO);
    llm.reconfigure(options(at(old, { limits }), at(other, { name: 'c', priority: 1 })));
    expect(llm.view()[0]).toMatchObject({ state: 'cooling' });
  });

  it('keep the circuit of a name, with its new options', async () => {
    const llm = await start(options(at(old, { circuitBreaker: { failureThreshold: 1 } })));
    old.answer = dead;
    await llm.complete(HELLO).catch(() => undefined);
    expect(llm.view()[0]).toMatchObject({ circuit: 'open' });

    llm.reconfigure(options(at(other, { circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1s' } })));
    expect(llm.view()[0]).toMatchObject({ circuit: 'open' });
    await clock.advance('1m');
    expect(await llm.complete(HELLO)).toMatchObject({ text: 'new' });

    other.answer = dead;
    await llm.complete(HELLO).catch(() => undefined);
    other.answer = json(200, chat('again'));
    await clock.advance('1s');
    expect(await llm.complete(HELLO)).toMatchObject({ text: 'again' });
  });

  it('begin no budget anew', async () => {
    const llm = await start({ ...options(at(old)), budget: { usd: 300 } });
    await llm.complete(HELLO);

    llm.reconfigure({ ...options(at(other)), budget: { usd: 269 } });

    await expect(llm.complete(HELLO)).rejects.toMatchObject({ code: 'RESILIENCE_LLM_BUDGET', usd: 269 });
  });

  it.each<[string, (vendor: Vendor) => LlmModuleOptions, RegExp]>([
    ['that cannot work', (vendor) => options(at(vendor, { quality: 7 })), /a > quality: got 7/],
    ['with policies that cannot work', (vendor) => options(at(vendor, { retry: { maxRetries: -1 } })), /maxRetries/],
    [
      'that need a restart',
      (vendor) => ({ ...options(at(vendor)), endpoint: { keys: { a: { token: 'x'.repeat(20) } } } }),
      /endpoint > path: got 'v1', expected no endpoint: routes are made at the start/,
    ],
  ])('%s are refused, and nothing is changed', async (_what, next, message) => {
    const llm = await start(options(at(old)));

    expect(() => llm.reconfigure(next(other))).toThrow(message);

    expect(await llm.complete(HELLO)).toMatchObject({ text: 'old' });
  });
});
