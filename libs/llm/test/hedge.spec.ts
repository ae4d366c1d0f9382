import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { generateText } from 'ai';
import type { LlmModuleOptions } from '../src/llm.options.js';
import type { LlmProviderOptions } from '../src/options/provider.options.js';
import {
  type Answering,
  type ChainApp,
  chat,
  chunk,
  dead,
  DONE,
  json,
  sendEvents,
  startChain,
  startVendor,
  type Vendor,
  words,
} from './vendor.fixture.js';

const HELLO = { prompt: 'hello' } as const;
const COST = { inputPerMillion: 1_000_000, outputPerMillion: 1_000_000 };

let vendors: Vendor[] = [];
let app: ChainApp | undefined;
let clock: FakeClock;
const heard: [string, unknown][] = [];
beforeEach(async () => {
  clock = new FakeClock();
  heard.length = 0;
  vendors = await Promise.all([1, 2, 3].map(() => startVendor(json(200, chat('fine')))));
});
afterEach(() => Promise.all([app?.close(), ...vendors.map((vendor) => vendor.close())]));

async function start(options: Partial<LlmModuleOptions> = {}, more: Partial<LlmProviderOptions> = {}) {
  const events = {
    listens: (name: string) => name === 'resilience.llm.hedged',
    emit: (name: string, payload: unknown) => void heard.push([name, payload]),
  };
  app = await startChain(
    {
      ...{ hedge: '2s', timeout: '60s', ...options },
      providers: [
        ...vendors.map(({ baseURL }, index) => ({
          ...{ name: 'abc'[index] ?? '', kind: 'openai-compatible' as const, model: 'm', baseURL, cost: COST, ...more },
        })),
        { name: 'offline', kind: 'offline', model: 'extractive' },
      ],
    },
    { clock, events },
  );
  return app.llm;
}

/** Holds its requests, and tells of each. */
function holding(vendor: Vendor): { readonly asked: Promise<void>; release: (answer: Answering) => void } {
  let held: Parameters<Answering> | undefined;
  const asked = new Promise<void>((resolve) => {
    vendor.answer = (...request) => {
      held = request;
      resolve();
    };
  });
  return { asked, release: (answer) => held && answer(...held) };
}

async function read(stream: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of stream) text += part;
  return text;
}

describe('a target that does not answer in time', () => {
  it('has the next one beside it, whose answer counts, and is let go with its cost booked', async () => {
    const [a, b] = vendors as [Vendor, Vendor];
    const slow = holding(a);
    const llm = await start();
    const call = llm.complete({ ...HELLO, maxOutputTokens: 8 });
    await slow.asked;

    await clock.advance('1999ms');
    expect(b.asked).toHaveLength(0);
    await clock.advance('1ms');

    const result = await call;
    await a.left;
    expect(result).toMatchObject({ text: 'fine', provider: 'b', fallbackLevel: 1, attempts: 2, retries: 0 });
    expect(result.tries).toMatchObject([
      {
        provider: 'a',
        outcome: 'failed',
        reason: 'aborted',
        usage: { inputTokens: 2, outputTokens: 8, estimated: true },
      },
      { provider: 'b', outcome: 'ok' },
    ]);
    expect([result.costUsd, result.wastedCostUsd]).toEqual([22, 10]);
    expect(heard).toEqual([
      ['resilience.llm.hedged', { provider: 'b', model: 'm', fallbackLevel: 1, beside: { provider: 'a', model: 'm' } }],
    ]);
  });

  it('still wins when it answers first', async () => {
    const [a, b] = vendors as [Vendor, Vendor];
    const [slow, slower] = [holding(a), holding(b)];
    const llm = await start();
    const call = llm.complete(HELLO);
    await slow.asked;
    await clock.advance('2s');
    await slower.asked;

    slow.release(json(200, chat('late')));

    expect(await call).toMatchObject({ text: 'late', provider: 'a', fallbackLevel: 0, attempts: 2 });
    await b.left;
  });

  it('leaves the call to the other when it fails, and the third joins after the same time', async () => {
    const [a, b, c] = vendors as [Vendor, Vendor, Vendor];
    const [first, second] = [holding(a), holding(b)];
    const llm = await start({ retry: false });
    const call = llm.complete(HELLO);
    await first.asked;
    await clock.advance('2s');
    await second.asked;
    first.release(dead);
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance('1s');
    expect(c.asked).toHaveLength(0);

    await clock.advance('1s');

    expect(await call).toMatchObject({ provider: 'c', fallbackLevel: 2, attempts: 3 });
  });

  it('is replaced at once beside the first when it fails', async () => {
    const [a, b, c] = vendors as [Vendor, Vendor, Vendor];
    const slow = holding(a);
    b.answer = json(401, { error: { message: 'no' } });
    const llm = await start();
    const call = llm.complete(HELLO);
    await slow.asked;

    await clock.advance('2s');

    expect(await call).toMatchObject({ provider: 'c', attempts: 3 });
    expect([a, b, c].map(({ asked }) => asked.length)).toEqual([1, 1, 1]);
  });

  it('is waited for when nobody is left to join, text processing least of all', async () => {
    const [a] = vendors as [Vendor];
    vendors.splice(1).forEach((vendor) => void vendor.close());
    const slow = holding(a);
    const llm = await start();
    const call = llm.complete(HELLO);
    await slow.asked;
    await clock.advance('30s');

    slow.release(json(200, chat('at last')));

    expect(await call).toMatchObject({ text: 'at last', provider: 'a', attempts: 1 });
  });

  it('is let go with the other when the caller leaves', async () => {
    const [a, b] = vendors as [Vendor, Vendor];
    const [one, other] = [holding(a), holding(b)];
    const caller = new AbortController();
    const llm = await start();
    const call = llm.complete({ ...HELLO, signal: caller.signal });
    await one.asked;
    await clock.advance('2s');
    await other.asked;

    caller.abort(new Error('gone'));

    await expect(call).rejects.toThrow('gone');
    await Promise.all([a.left, b.left]);
  });

  it('ends the call for both when one says what would end it', async () => {
    const [a, b] = vendors as [Vendor, Vendor];
    const slow = holding(a);
    b.answer = json(400, { error: { message: 'flagged', code: 'content_filter' } });
    const llm = await start();
    const call = llm.complete(HELLO);
    await slow.asked;
    await clock.advance('2s');

    await expect(call).rejects.toMatchObject({ statusCode: 400 });
    await a.left;
  });

  it('counts in health and circuit for nobody who was let go', async () => {
    const [a] = vendors as [Vendor];
    const llm = await start();
    for (let call = 0; call < 6; call++) {
      const slow = holding(a);
      const answer = llm.complete(HELLO);
      await slow.asked;
      await clock.advance('2s');
      await answer;
    }

    expect(llm.view()[0]).toMatchObject({ state: 'closed', circuit: 'closed', inFlight: 0 });
    expect(llm.view()[0]?.health.status).not.toBe('down');
  });

  it('keeps what it may have cost in the budget', async () => {
    const [a] = vendors as [Vendor];
    const slow = holding(a);
    const llm = await start({ budget: { usd: 31, per: 'day' } });
    // 2 + 8 for each of the two, settled to 12 for the one that answered.
    const call = llm.complete({ ...HELLO, maxOutputTokens: 8 });
    await slow.asked;
    await clock.advance('2s');
    await call;

    await expect(llm.complete({ ...HELLO, maxOutputTokens: 8 })).rejects.toMatchObject({
      code: 'RESILIENCE_LLM_BUDGET',
    });
  });

  it('is hedged for models of the AI SDK and for objects too', async () => {
    const [a, b] = vendors as [Vendor, Vendor];
    const slow = holding(a);
    const llm = await start();
    const call = generateText({ model: llm.model(), prompt: 'x' });
    await slow.asked;
    await clock.advance('2s');
    expect((await call).providerMetadata?.['resilience']).toMatchObject({ provider: 'b', fallbackLevel: 1 });

    b.answer = json(200, chat('{"n":1}'));
    const again = holding(a);
    const object = llm.complete({ ...HELLO, schema: { type: 'object', required: ['n'] } });
    await again.asked;
    await clock.advance('2s');
    expect(await object).toMatchObject({ object: { n: 1 }, provider: 'b' });
  });
});

describe('a stream that does not begin in time', () => {
  it('has the next one beside it, and the first part decides', async () => {
    const [a, b] = vendors as [Vendor, Vendor];
    const slow = holding(a);
    b.answer = words('from ', 'b');
    const stream = (await start()).stream(HELLO);
    const text = read(stream);
    await slow.asked;

    await clock.advance('2s');

    expect(await text).toBe('from b');
    expect(await stream.result).toMatchObject({ provider: 'b', attempts: 2, tries: [{ reason: 'aborted' }, {}] });
    await a.left;
  });

  it('is not joined after its first part, however slow the rest is', async () => {
    const [a, b] = vendors as [Vendor, Vendor];
    let goOn: () => void = () => undefined;
    a.answer = (response) => {
      sendEvents(response, chunk({ content: 'one ' }));
      goOn = () => void sendEvents(response, chunk({ content: 'two' }), chunk({}, 'stop')).end(DONE);
    };
    const parts = (await start()).stream(HELLO)[Symbol.asyncIterator]();
    expect(await parts.next()).toMatchObject({ value: 'one ' });

    await clock.advance('20s');
    goOn();

    expect(await parts.next()).toMatchObject({ value: 'two' });
    expect(b.asked).toHaveLength(0);
  });
});

describe('hedge', () => {
  it.each([
    [{}, /hedge > delay: .*how long to wait/],
    [{ delay: -1 }, /hedge > delay: got -1/],
    [{ delay: '1s', max: 2 }, /hedge > max: .*no such option/],
    [true, /hedge: got true/],
  ])('%j is refused', async (hedge, message) => {
    await expect(start({ hedge: hedge as never })).rejects.toThrow(message);
  });
});
