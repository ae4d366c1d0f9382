import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock, seededRandom } from '@nest-resilience/core/testing';
import { type LlmBalance, LlmModule, type LlmModuleOptions, type LlmProviderOptions } from '../src/index.js';
import { type Answering, chat, type ChainApp, dead, json, startChain, startVendor, type Vendor, words } from './vendor.fixture.js'; // prettier-ignore

const HELLO = { prompt: 'hello' } as const;
const ok = json(200, chat('Hi'));

describe('targets of equal priority', () => {
  const clock = new FakeClock();
  let app: ChainApp | undefined;
  let vendors: Vendor[] = [];
  afterEach(async () => {
    await app?.close();
    await Promise.all(vendors.map((vendor) => vendor.close()));
    vendors = [];
  });

  /** Vendors `a`, `b`, `c`; whatever differs is laid over. */
  async function start(
    balance: LlmBalance | undefined,
    answers: readonly Answering[],
    more: readonly Partial<LlmProviderOptions>[] = [],
    options: Partial<LlmModuleOptions> = {},
  ) {
    vendors = await Promise.all(answers.map(startVendor));
    const providers = vendors.map(({ baseURL }, index) => ({
      ...{ name: 'abc'.charAt(index), kind: 'openai-compatible' as const, model: 'm', baseURL },
      ...more[index],
    }));
    const random = seededRandom(42);
    app = await startChain({ ...(balance && { balance }), retry: false, ...options, providers }, { clock, random });
    return app.llm;
  }
  const asked = () => vendors.map((vendor) => vendor.asked.length);

  async function ask(calls: number, request: object = {}): Promise<string> {
    let who = '';
    for (let call = 0; call < calls; call++) who += (await app?.llm.complete({ ...HELLO, ...request }))?.provider;
    return who;
  }

  it('are asked in written order by default', async () => {
    await start(undefined, [ok, ok]);

    expect(await ask(5)).toBe('aaaaa');
  });

  it('share the calls by their weight, and one without weight gets none as long as another answers', async () => {
    await start('weighted', [ok, ok, ok], [{ weight: 3 }, {}, { weight: 0 }]);

    await ask(200);

    const [a = 0, b = 0, c] = asked();
    expect([a + b, c]).toEqual([200, 0]);
    expect(a / 200).toBeGreaterThan(0.65);
    expect(a / 200).toBeLessThan(0.85);
  });

  it('stand in for each other, and say so', async () => {
    await start('weighted', [dead, ok], [{ weight: 1000 }, { weight: 1 }]);

    expect(await app?.llm.complete(HELLO)).toMatchObject({ provider: 'b', fallbackLevel: 1 });
  });

  it('go before those of a lower priority, whatever these cost', async () => {
    const price = (usd: number) => ({ inputPerMillion: usd, outputPerMillion: usd });
    await start('cheapest', [ok, ok, ok], [{ cost: price(5) }, { cost: price(3) }, { cost: price(1), priority: 1 }]);

    expect(await ask(2)).toBe('bb');
  });

  it('are asked by the price of this very call, unknown prices last', async () => {
    const longTexts = { inputPerMillion: 1, outputPerMillion: 100 };
    const longAnswers = { inputPerMillion: 10, outputPerMillion: 10 };
    await start('cheapest', [ok, ok, ok], [{}, { cost: longTexts }, { cost: longAnswers }]);

    expect(await ask(1, { prompt: 'x'.repeat(40_000), maxOutputTokens: 10 })).toBe('b');
    expect(await ask(1, { maxOutputTokens: 1000 })).toBe('c');
    vendors.slice(1).forEach((vendor) => (vendor.answer = dead));
    expect(await ask(1)).toBe('a');
  });

  it('share a burst of calls that begin at once, when the least busy is asked', async () => {
    const llm = await start('least-busy', [ok, ok, ok]);

    await Promise.all(Array.from({ length: 30 }, () => llm.complete(HELLO)));

    expect(asked()).toEqual([10, 10, 10]);
  });

  it('count a stream as a call until it was read, and forget calls that failed', async () => {
    const llm = await start('least-busy', [words('Hi', ' there'), words('Hi', ' there')]);
    const reading = llm.stream(HELLO)[Symbol.asyncIterator]();
    await reading.next();
    const busy = asked().indexOf(1);
    vendors.forEach((vendor) => (vendor.answer = ok));

    await ask(4);
    expect(asked()[busy]).toBe(1);
    await reading.return?.();

    vendors.forEach((vendor) => (vendor.answer = json(400, { error: { message: 'Wrong' } })));
    await Promise.allSettled(Array.from({ length: 4 }, () => llm.complete(HELLO)));
    vendors.forEach((vendor) => (vendor.answer = ok));
    const before = asked();
    await Promise.all(Array.from({ length: 10 }, () => llm.complete(HELLO)));
    expect(asked().map((count, index) => count - (before[index] ?? 0))).toEqual([5, 5]);
  });

  it('are measured once each, then the fastest is asked, until it is slower or the measure is old', async () => {
    const taking =
      (ms: number): Answering =>
      (...of) =>
        void clock.advance(ms).then(() => ok(...of));
    await start('fastest', [taking(500), taking(50), taking(200)]);

    expect([...(await ask(3))].sort().join('')).toBe('abc');
    expect(await ask(5)).toBe('bbbbb');
    vendors.slice(1, 2).forEach((vendor) => (vendor.answer = taking(3000)));
    expect(await ask(4)).toMatch(/^bccc$/);

    vendors.slice(1, 2).forEach((vendor) => (vendor.answer = taking(1)));
    await clock.advance('5m');
    expect([...(await ask(3))].sort().join('')).toBe('abc');
    expect(await ask(3)).toBe('bbb');
  });

  it('are the fastest only by what they have served', async () => {
    const slow: Answering = (...of) => void clock.advance(500).then(() => ok(...of));
    await start('fastest', [dead, slow], [], { circuitBreaker: { failureThreshold: 100 } });

    await ask(4);
    vendors.slice(0, 1).forEach((vendor) => (vendor.answer = ok));

    expect(await ask(3)).toBe('aaa');
  });

  it('are balanced among those that the call names, which stay before the others', async () => {
    const models = ['n'];
    const llm = await start('least-busy', [ok, ok, ok], [{ models }, { models }, {}]);

    const all = await Promise.all(Array.from({ length: 8 }, () => llm.complete({ ...HELLO, model: 'n' })));

    expect(all.map(({ provider, model }) => `${provider}:${model}`).sort()).toEqual([
      ...Array.from({ length: 4 }, () => 'a:n'),
      ...Array.from({ length: 4 }, () => 'b:n'),
    ]);
  });

  it('need a balance and weights that there are', () => {
    const providers = [{ name: 'a', kind: 'ollama' as const, model: 'm', weight: -1 }];

    const start = () => LlmModule.forRoot({ providers, balance: 'fastes' as never });

    expect(start).toThrow(/LlmModule > balance.*did you mean 'fastest'/s);
    expect(start).toThrow(/LlmModule > a > weight.*a number >= 0/s);
  });
});
