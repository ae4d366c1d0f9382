import { EventEmitter, once } from 'node:events';
import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { type OneVendor, refusing, saying, startOneVendor } from '../../test/one-vendor.fixture.js';
import { LlmModule } from '../llm.module.js';
import type { LlmModuleOptions } from '../llm.options.js';
import type { LlmProviderOptions } from '../options/provider.options.js';
import { LlmService } from '../llm.service.js';

const HELLO = { prompt: 'hello' } as const;

/** Says when somebody begins to wait for less than an attempt may take. */
class WaitingClock extends FakeClock {
  private readonly waits = new EventEmitter();
  private readonly delays: number[] = [];

  override setTimer(callback: () => void, delayMs: number) {
    const timer = super.setTimer(callback, delayMs);
    if (delayMs < 30_000 || delayMs > 60_000) {
      this.delays.push(delayMs);
      this.waits.emit('wait');
    }
    return timer;
  }

  /** Forgets the waits of an application that has started. */
  appStarted(): void {
    this.delays.length = 0;
  }

  /** The next wait that was begun, in the order in which they were. */
  async wait(): Promise<number> {
    while (this.delays.length === 0) await once(this.waits, 'wait');
    return this.delays.shift() ?? 0;
  }
}

let app: TestingModule | undefined;
let vendor: OneVendor | undefined;
afterEach(async () => {
  await app?.close();
  await vendor?.close();
});

type Options = Omit<LlmModuleOptions, 'providers'> & { readonly target?: Partial<LlmProviderOptions> };

/** One model behind a socket, and `offline`. */
async function start(answer: RequestListener, { target, ...options }: Options = {}, clock?: WaitingClock, chance = 0) {
  vendor = await startOneVendor(answer);
  const { baseURL } = vendor;
  const providers: LlmProviderOptions[] = [
    { name: 'a', kind: 'openai-compatible', model: 'm', baseURL, ...target },
    { name: 'offline', kind: 'offline', model: 'extractive' },
  ];
  app = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(clock && { clock, random: () => chance }),
      LlmModule.forRoot({ health: { enabled: false }, ...options, providers }),
    ],
  }).compile();
  await app.init();
  clock?.appStarted();
  return { llm: app.get(LlmService), circuit: app.get(ResilienceService).circuit('llm:a:m'), vendor };
}

const hi = saying('Hi');
const limited = (headers: Readonly<Record<string, string>>) => refusing(429, 'Rate limit reached', headers);
const limitedAtFirst = (times: number): RequestListener => {
  let left = times;
  return (request, response) => (left-- > 0 ? limited({ 'retry-after': '1' }) : hi)(request, response);
};

describe('a burst of calls that meets a rate limit, with the defaults', () => {
  it('is answered whole, with two requests for a call at most, and none while the model is to be left alone', async () => {
    const times: number[] = [];
    const first = limitedAtFirst(50);
    const { llm, circuit } = await start((request, response) => {
      times.push(performance.now());
      first(request, response);
    });

    const results = await Promise.all(Array.from({ length: 50 }, () => llm.complete(HELLO)));

    expect(results.map(({ provider }) => provider)).toEqual(results.map(() => 'a'));
    expect(times.length).toBeLessThanOrEqual(100);
    const lastRefused = times[49] ?? 0;
    expect(Math.min(...times.slice(50)) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1000);
    // The later ones do not all start at once.
    expect((times.at(-1) ?? 0) - lastRefused).toBeGreaterThan(1200);
    expect(circuit.state).toBe('closed');
  });
});

describe('a model that is alone and asked to be left alone', () => {
  it('is waited for, and asked again by nobody before; it costs no retry', async () => {
    const clock = new WaitingClock();
    const { llm } = await start(limitedAtFirst(1), { retry: false }, clock);
    const first = llm.complete(HELLO);
    expect(await clock.wait()).toBe(1000);
    const second = llm.complete(HELLO);
    expect(await clock.wait()).toBe(1000);
    expect(vendor?.requests).toBe(1);

    await clock.advance('1s');

    expect(await first).toMatchObject({ provider: 'a', attempts: 2 });
    expect(await second).toMatchObject({ provider: 'a', attempts: 1 });
  });

  it('starts those who waited within the second after its time', async () => {
    const clock = new WaitingClock();
    const { llm } = await start(limitedAtFirst(1), {}, clock, 0.5);
    void llm.complete(HELLO);

    // A hint is prolonged by up to a tenth.
    expect(await clock.wait()).toBe(1050 + 500);
    await clock.advance('2s');
  });

  it('that goes on refusing for a minute keeps nobody longer than a hint may be', async () => {
    const clock = new WaitingClock();
    const { llm } = await start(limited({ 'retry-after': '1' }), { target: { priority: 0 } }, clock);
    const call = llm.complete(HELLO);

    for (let waited = 0; waited < 20; waited++) await clock.advance(await clock.wait());

    expect(await call).toMatchObject({ provider: 'offline' });
    expect(clock.now()).toBe(20_000);
    expect(vendor?.requests).toBe(21);
  });

  it('is not waited for by a call whose time would be over first', async () => {
    const clock = new WaitingClock();
    const { llm } = await start(limited({ 'retry-after': '10' }), { timeout: { total: '5s' } }, clock);

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'offline' });
    expect(clock.now()).toBe(0);
  });

  it('is waited for beyond the longest hint by a call that has the time', async () => {
    const clock = new WaitingClock();
    let refused = false;
    const { llm } = await start(
      (request, response) => {
        (refused ? hi : limited({ 'retry-after': '90' }))(request, response);
        refused = true;
      },
      { timeout: { total: '10m' } },
      clock,
    );
    const call = llm.complete(HELLO);
    for (let wait = await clock.wait(); wait !== 90_000; wait = await clock.wait());
    await clock.advance('90s');

    expect(await call).toMatchObject({ provider: 'a', attempts: 2 });
  });

  it('is given up by a caller who leaves, with the reason that it gives', async () => {
    const clock = new WaitingClock();
    const { llm } = await start(limited({ 'retry-after': '1' }), {}, clock);
    const caller = new AbortController();
    const before = clock.pending;
    const call = llm.complete({ ...HELLO, signal: caller.signal });
    await clock.wait();

    caller.abort(new Error('the user left'));

    await expect(call).rejects.toThrow('the user left');
    expect(clock.pending).toBe(before);
  });

  it('is waited for no longer when the application ends', async () => {
    const clock = new WaitingClock();
    const { llm } = await start(limited({ 'retry-after': '1' }), {}, clock);
    const call = llm.complete({ ...HELLO, degraded: 'refuse' });
    await clock.wait();

    await app?.close();

    await expect(call).rejects.toMatchObject({ code: 'RESILIENCE_LLM_UNAVAILABLE', statusCode: 503 });
  });

  it('without a hint is left alone for five seconds', async () => {
    const clock = new WaitingClock();
    const { llm } = await start(limited({}), {}, clock);
    const caller = new AbortController();
    const call = llm.complete({ ...HELLO, signal: caller.signal });

    expect(await clock.wait()).toBe(5000);

    caller.abort();
    await expect(call).rejects.toThrow();
  });
});

describe('a limit of our own', () => {
  it('is waited for, and never sends a call to offline', async () => {
    const clock = new WaitingClock();
    const { llm } = await start(hi, { target: { limits: { requestsPerMinute: 10 } } }, clock);
    const calls = Promise.all(Array.from({ length: 30 }, () => llm.complete(HELLO)));

    let served: readonly { readonly provider: string }[] | undefined;
    void calls.then((results) => (served = results));
    while (served === undefined) {
      await clock.advance(Math.max(1, await clock.wait()));
      await new Promise((resolve) => setImmediate(resolve));
    }

    expect(new Set(served.map(({ provider }) => provider))).toEqual(new Set(['a']));
    expect(vendor?.requests).toBe(30);
    // Ten at once, then one every six seconds.
    expect(clock.now()).toBeGreaterThanOrEqual(119_000);
  });

  it('is not waited for longer than it says', async () => {
    const clock = new WaitingClock();
    const limits = { requestsPerMinute: 1, maxWait: '30s' } as const;
    const { llm } = await start(hi, { target: { limits } }, clock);
    await llm.complete(HELLO);

    await expect(llm.complete(HELLO)).rejects.toMatchObject({
      code: 'RESILIENCE_LLM_UNAVAILABLE',
      retryAfterMs: 60_000,
      failures: [{ provider: 'a', reason: 'rate_limit' }],
    });
  });
});
