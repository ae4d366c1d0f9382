import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { classifyError, ResilienceModule } from '@nest-resilience/core';
import { FigureTable } from '@nest-resilience/core/kit';
import { FakeClock } from '@nest-resilience/core/testing';
import { LLM_BUDGET_STORE, LlmBudgetError, type LlmBudgetStore, LlmModule, type LlmModuleOptions, type LlmProviderOptions, LlmService } from '../src/index.js'; // prettier-ignore
import { embed, generateText } from 'ai';
import { type Answering, chat, json, startVendor, type Vendor, words } from './vendor.fixture.js';

/** Expected of {@link ASK}: 100 tokens of input and 900 of output, a tenth of a cent. */
const ASK = { prompt: 'x'.repeat(400), maxOutputTokens: 900 } as const;
const COST = { inputPerMillion: 1, outputPerMillion: 1 };
/** An answer of so many tokens in all. */
const using = (tokens: number) =>
  json(200, chat('Hi', 'stop', { usage: { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens } }));

async function readAll(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of stream) text += part;
  return text;
}

describe('budgets', () => {
  const clock = new FakeClock();
  const closing: (() => Promise<void>)[] = [];
  let vendor: Vendor;
  let events: { readonly name: string; readonly payload: object }[] = [];
  let figures: FigureTable;
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    events = [];
  });

  async function start(
    answer: Answering,
    options: Partial<LlmModuleOptions>,
    more: Partial<LlmProviderOptions> = {},
    store?: LlmBudgetStore,
  ): Promise<LlmService> {
    vendor = await startVendor(answer);
    closing.push(() => vendor.close());
    const { baseURL } = vendor;
    const a = { name: 'a', kind: 'openai-compatible' as const, model: 'm', baseURL, cost: COST, ...more };
    const offline = { name: 'offline', kind: 'offline' as const, model: 'extractive' };
    const sink = {
      listens: (name: string) => name === 'resilience.llm.budget',
      emit: (name: string, payload: object) => void events.push({ name, payload }),
    };
    @Global()
    @Module({ providers: [{ provide: LLM_BUDGET_STORE, useValue: store }], exports: [LLM_BUDGET_STORE] })
    class StoreModule {}
    const module = await Test.createTestingModule({
      imports: [
        ResilienceModule.forRoot({ clock, random: () => 0, events: sink }),
        ...(store ? [StoreModule] : []),
        LlmModule.forRoot({ retry: false, health: { enabled: false }, ...options, providers: [a, offline] }),
      ],
    }).compile();
    await module.init();
    closing.push(() => module.close());
    figures = module.get(FigureTable);
    return module.get(LlmService);
  }
  const outcomes = async (llm: LlmService, calls: number, more: object = {}) => {
    let said = '';
    for (let call = 0; call < calls; call++)
      said += await llm.complete({ ...ASK, ...more }).then(({ provider }) => provider, (error: unknown) => (error instanceof LlmBudgetError ? '!' : '?')); // prettier-ignore
    return said;
  };

  it('of a day refuse what would exceed them, ask nobody else for it, and begin anew the next day', async () => {
    const llm = await start(using(1000), { budget: { usd: 0.003 } }, { circuitBreaker: { failureThreshold: 1 } });

    expect(await outcomes(llm, 5)).toBe('aaa!!');
    const error: unknown = await llm.complete(ASK).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'RESILIENCE_LLM_BUDGET', usd: 0.003, per: 'day', tenant: undefined });
    expect(classifyError(error)).toMatchObject({ reason: 'quota', retryable: false });
    expect((error as LlmBudgetError).retryAfterMs).toBeGreaterThan(0);
    expect(vendor.asked).toHaveLength(3);
    expect(llm.view()[0]).toMatchObject({ state: 'closed', circuit: 'closed' });

    await clock.advance((error as LlmBudgetError).retryAfterMs ?? 0);
    expect(await outcomes(llm, 1)).toBe('a');
  });

  it('are settled with what a call did cost, and cost nothing for what failed', async () => {
    const llm = await start(using(100), { budget: { usd: 0.0012, per: 'hour' } });
    expect(await outcomes(llm, 4)).toBe('aaa!');

    const other = await start(json(500, { error: { message: 'boom' } }), { budget: { usd: 0.001 } });
    await outcomes(other, 3);
    expect(vendor.asked).toHaveLength(3);
  });

  it('hold calls that begin at once', async () => {
    const llm = await start(using(1000), { budget: { usd: 0.005 } });

    const all = await Promise.allSettled(Array.from({ length: 20 }, () => llm.complete(ASK)));

    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(vendor.asked).toHaveLength(5);
  });

  it('hold streams', async () => {
    const llm = await start(words('Hi'), { budget: { usd: 0.00055 } });
    const read = async () => {
      for await (const _text of llm.stream({ ...ASK, maxOutputTokens: 300 }));
    };
    await read();
    await read();

    await expect(read()).rejects.toBeInstanceOf(LlmBudgetError);
    expect(vendor.asked).toHaveLength(2);
  });

  it('of a call hold its healing', async () => {
    const wrong = json(200, chat('no json', 'stop', { usage: { prompt_tokens: 500, completion_tokens: 500, total_tokens: 1000 } })); // prettier-ignore
    const llm = await start(wrong, { budget: { usd: 0.0025, per: 'call' }, heals: 5 });
    const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };

    await expect(llm.complete({ ...ASK, schema })).rejects.toBeInstanceOf(LlmBudgetError);
    expect(vendor.asked).toHaveLength(2);
  });

  it('of a tenant hold nobody else, and that of all holds every tenant', async () => {
    const budgets = { acme: { usd: 0.001 }, free: { usd: 0 } };
    const llm = await start(using(1000), { budget: { usd: 0.004 }, budgets });

    expect(await outcomes(llm, 2, { tenant: 'acme' })).toBe('a!');
    expect(await outcomes(llm, 1, { tenant: 'free' })).toBe('!');
    expect(await outcomes(llm, 2, { tenant: 'other' })).toBe('aa');
    expect(await outcomes(llm, 2)).toBe('a!');
  });

  it.each<[door: string, ask: (llm: LlmService, tenant: string) => Promise<unknown>]>([
    ['complete()', (llm, tenant) => llm.complete({ ...ASK, tenant })],
    ['stream()', (llm, tenant) => readAll(llm.stream({ ...ASK, tenant }))],
    ['generateText()', (llm, tenant) => generateText({ model: llm.model(), maxRetries: 0, ...ASK, providerOptions: { resilience: { tenant } } })], // prettier-ignore
    ['embed()', (llm, tenant) => embed({ model: llm.embedding(), maxRetries: 0, value: ASK.prompt, providerOptions: { resilience: { tenant } } })], // prettier-ignore
  ])('of a tenant hold it at every door: %s', async (_door, ask) => {
    const budgets = { poor: { usd: 0.000_001 } };
    const embeddings = [{ name: 'v', kind: 'openai-compatible' as const, model: 'e', baseURL: 'http://127.0.0.1:9/v1', cost: COST }]; // prettier-ignore
    const llm = await start(using(1000), { budgets, embeddings });

    await expect(ask(llm, 'poor')).rejects.toMatchObject({ code: 'RESILIENCE_LLM_BUDGET', tenant: 'poor' });
    expect(vendor.asked).toEqual([]);
  });

  it('may only warn, once in their time, and are told among the figures', async () => {
    const llm = await start(using(1000), { budget: { usd: 0.002, then: 'warn' } });

    expect(await outcomes(llm, 4)).toBe('aaaa');

    expect(events).toEqual([
      { name: 'resilience.llm.budget', payload: expect.objectContaining({ state: 'exceeded', usd: 0.002, then: 'warn' }) },
    ]); // prettier-ignore
    const spent: unknown[] = [];
    figures.each((row) => {
      if (row.name === 'resilience.llm.budget_spent_usd') spent.push(row.read());
    });
    expect(spent).toEqual([[{ labels: { tenant: '' }, value: expect.closeTo(0.004, 9) }]]);
  });

  it('may let a call wait for the next hour, and no longer than they say', async () => {
    const llm = await start(using(1000), { budget: { usd: 0.002, per: 'hour', then: 'wait' } });
    expect(await outcomes(llm, 2)).toBe('aa');
    let served = false;
    const waiting = llm.complete(ASK).then(() => (served = true));
    await clock.advance('1m');
    expect(served).toBe(false);

    await clock.advance('1h');
    await waiting;
    expect(vendor.asked).toHaveLength(3);
    expect(await outcomes(llm, 1)).toBe('a');

    const impatient = { per: 'day', then: 'wait', maxWait: '5m' } as const;
    const other = await start(using(1000), { budget: { usd: 0.001, ...impatient } });
    expect(await outcomes(other, 2)).toBe('a!');
    const hurried = await start(using(1000), { budget: { usd: 0.001, per: 'hour', then: 'wait' }, timeout: { total: '5s' } }); // prettier-ignore
    expect(await outcomes(hurried, 2)).toBe('a!');
  });

  it('that are waited for let go of a caller who leaves, and of streams', async () => {
    const llm = await start(words('Hi'), { budget: { usd: 0.001, per: 'hour', then: 'wait' } });
    const caller = new AbortController();
    await readAll(llm.stream({ ...ASK, maxOutputTokens: 890 }));
    const whole = llm.complete({ ...ASK, signal: caller.signal });
    const streamed = readAll(llm.stream({ ...ASK, signal: caller.signal }));
    void whole.catch(() => undefined);
    await clock.advance('1m');
    caller.abort(new Error('gone'));

    await expect(whole).rejects.toThrow('gone');
    await expect(streamed).rejects.toThrow('gone');
  });

  it('may send a call to the next target, which costs less or nothing', async () => {
    const llm = await start(using(1000), { budget: { usd: 0.002, then: 'fallback' } });

    expect(await outcomes(llm, 3)).toBe('aaoffline');
    const { tries } = await llm.complete(ASK);
    expect(tries).toMatchObject([
      { provider: 'a', outcome: 'skipped', reason: 'quota', attempt: 0 },
      { provider: 'offline' },
    ]);
    expect(llm.view()[0]).toMatchObject({ state: 'closed' });
    expect(await outcomes(llm, 1, { degraded: 'refuse' })).toBe('!');
    expect(vendor.asked).toHaveLength(2);
  });

  it('may be of any time, which begins at multiples of its length', async () => {
    const llm = await start(using(1000), { budget: { usd: 0.001, per: '30d' } });
    expect(await outcomes(llm, 2)).toBe('a!');
    const error = await llm.complete(ASK).catch((thrown: unknown) => thrown as LlmBudgetError);
    const leftMs = (error as LlmBudgetError).retryAfterMs ?? 0;

    expect((clock.epochNow() + leftMs) % (30 * 86_400_000)).toBe(0);
    await clock.advance(leftMs);
    expect(await outcomes(llm, 1)).toBe('a');
  });

  it('of a team of the endpoint hold its tenant at every door', async () => {
    const keys = { search: { token: 'a-token-of-the-search-team', budget: { usd: 0.001, per: '7d' as const } } };
    const llm = await start(using(1000), { endpoint: { keys } });

    expect(await outcomes(llm, 2, { tenant: 'search' })).toBe('a!');
    expect(await outcomes(llm, 1, { tenant: 'other' })).toBe('a');
  });

  it('count nothing for what has no price, and say so once', async () => {
    const llm = await start(using(1000), { budget: { usd: 0 } }, { cost: undefined as never });

    expect(await outcomes(llm, 3)).toBe('aaa');
    expect(events).toMatchObject([{ payload: { state: 'unpriced', provider: 'a', model: 'm' } }]);
  });

  it('are kept where all replicas count, and in this process while that fails', async () => {
    const sums = new Map<string, number>();
    let isDown = false;
    const store: LlmBudgetStore = {
      add: (key, usd) => {
        if (isDown) throw new Error('down');
        sums.set(key, (sums.get(key) ?? 0) + usd);
        return Promise.resolve(sums.get(key) ?? 0);
      },
    };
    const one = await start(using(1000), { budget: { usd: 0.003 } }, {}, store);
    const two = await start(using(1000), { budget: { usd: 0.003 } }, {}, store);

    expect(await outcomes(one, 2)).toBe('aa');
    expect(await outcomes(two, 2)).toBe('a!');
    isDown = true;
    expect(await outcomes(one, 2)).toBe('a!');
  });

  it('need a sum and a time', () => {
    const providers = [{ name: 'a', kind: 'ollama' as const, model: 'm' }];
    const read = (options: object) => () => LlmModule.forRoot({ providers, ...options });

    expect(read({ budget: { per: 'day' } })).toThrow(/LlmModule > budget > usd/);
    expect(read({ budgets: { acme: { usd: 1, per: 'week' } } })).toThrow(/LlmModule > budgets > acme > per/);
    expect(read({ budget: { usd: 1, per: '5s' } })).toThrow(
      /budget > per: got '5s', expected 'day', 'hour', 'call', or/,
    );
    expect(read({ budget: { usd: 1, per: 'call', then: 'wait' } })).toThrow(
      /budget > then: got 'wait', expected 'fail'/,
    );
    const budget = { usd: 1 };
    expect(read({ budgets: { a: budget }, endpoint: { keys: { a: { token: 'x'.repeat(20), budget } } } })).toThrow(
      /endpoint > keys > a > budget: got 1, expected nothing: budgets > a is the budget of this team already/,
    );
    expect(read({ budgets: 5 })).toThrow(/budgets by tenant/);
  });
});
