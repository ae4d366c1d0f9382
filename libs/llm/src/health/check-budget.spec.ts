import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock, RecordingEvents } from '@nest-resilience/core/testing';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type LlmApp, type LlmAppOptions, startLlmApp } from '../../test/llm-app.fixture.js';
import type { LlmHealthOptions } from './health.options.js';
import { NO_USAGE } from '../llm.result.js';
import { CheckBudget } from './check-budget.js';
import { LlmConnectivityChecker } from './connectivity.checker.js';
import { LlmHealthIndicator } from './llm.health.js';

/** Ten tokens in, one out. */
const PING_USAGE = { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 };
/** So that one such check costs a cent. */
const CENT = { inputPerMillion: 900, outputPerMillion: 1_000 };
const DAY_AND_SLOT = 86_400_000 + 300_000;

interface Vendor {
  readonly baseURL: string;
  readonly paths: string[];
  /** `free`: it lists its models. Otherwise only a completion tells. */
  state: 'free' | 'answers' | 'counts no tokens' | 'cut' | 'broken' | 'broke';
}

const closers: (() => void)[] = [];

async function startVendor(state: Vendor['state'] = 'answers'): Promise<Vendor> {
  const server = createServer((request, response) => {
    vendor.paths.push(`${request.method} ${request.url}`);
    if (vendor.state === 'cut' && request.method === 'POST') return void request.socket.destroy();
    const { status, body } = answerOf(vendor, request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const vendor: Vendor = { baseURL, paths: [], state };
  return vendor;
}

function answerOf({ state }: Vendor, path: string): { status: number; body: object } {
  if (path.endsWith('/models')) return { status: state === 'free' ? 200 : 404, body: {} };
  if (state === 'broken') return { status: 500, body: { error: { message: 'boom' } } };
  if (state === 'broke')
    return { status: 429, body: { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } } };
  const choices = [{ index: 0, message: { role: 'assistant', content: 'p' }, finish_reason: 'length' }];
  return { status: 200, body: { choices, ...(state === 'answers' && { usage: PING_USAGE }) } };
}

let app: LlmApp | undefined;
const clock = new FakeClock();

afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await app?.close();
  app = undefined;
});

/** One provider that is asked by checks only, and what is known about it. */
async function start(vendor: Vendor, health: LlmHealthOptions, more: LlmAppOptions = {}) {
  const running = await startLlmApp({
    openai: { baseURL: vendor.baseURL, cost: CENT },
    anthropic: false,
    offline: false,
    resilience: { clock },
    health: { enabled: false, ...health },
    ...more,
  });
  app = running;
  return {
    llm: running.llm,
    check: (times = 1) => checkTimes(running.get(LlmConnectivityChecker), times),
    health: () => running.get(LlmHealthIndicator).isHealthy('llm').llm,
    openai: () => running.llm.connectivity.of('openai'),
  };
}

async function checkTimes(checker: LlmConnectivityChecker, times: number): Promise<void> {
  for (let run = 0; run < times; run++) await checker.run();
}

const paidRequests = ({ paths }: Vendor) => paths.filter((path) => path.startsWith('POST')).length;

describe('the cost cap of connectivity checks', () => {
  it('ends paid checks when they have cost as much, and says so beside the last result and its age', async () => {
    const vendor = await startVendor();
    const { check, health } = await start(vendor, { maxCostPerDay: 0.03 });

    await check(3);
    expect(health()).toMatchObject({ providers: { openai: { status: 'up', paidChecks: { count: 3 } } } });
    expect(health()).not.toHaveProperty('message');
    await clock.advance('1m');
    await check(2);

    expect(paidRequests(vendor)).toBe(3);
    expect(health()).toMatchObject({
      status: 'up',
      message: 'openai: not checked, cost_cap (health.maxCostPerDay)',
      providers: {
        openai: {
          status: 'up',
          ageMs: 60_000,
          skipped: 'cost_cap',
          paidChecks: { count: 3, costUsd: expect.closeTo(0.03, 9) },
        },
      },
    });
  });

  it('lets them go on when what was spent is 24 hours old', async () => {
    const vendor = await startVendor();
    const { check, openai } = await start(vendor, { maxCostPerDay: 0.016 });
    await check();

    await clock.advance('24h');
    await check();
    expect(paidRequests(vendor)).toBe(1);
    expect(openai()).toMatchObject({ skipped: 'cost_cap' });
    await clock.advance('5m');
    await check();

    expect(paidRequests(vendor)).toBe(2);
    expect(openai()).toMatchObject({ status: 'up', ageMs: 0, paidChecks: { count: 1 } });
    expect(openai()).not.toHaveProperty('skipped');
  });

  it('never holds back a check that only lists models', async () => {
    const vendor = await startVendor('free');
    const { check, openai } = await start(vendor, { maxCostPerDay: 0 });

    await check(5);

    expect(vendor.paths).toHaveLength(5);
    expect(openai()).toMatchObject({ status: 'up', ageMs: 0, paidChecks: { count: 0, costUsd: 0 } });
    expect(openai()).not.toHaveProperty('skipped');
  });

  it('holds for forced checks too', async () => {
    const vendor = await startVendor();
    const { check } = await start(vendor, { maxCostPerDay: 0.016 });
    await check();

    await app?.get(LlmConnectivityChecker).run({ force: true });

    expect(paidRequests(vendor)).toBe(1);
  });

  it('of 0 pays for nothing, but for what is known to cost nothing', async () => {
    const vendors = [await startVendor(), await startVendor(), await startVendor()] as const;
    const [priced, unpriced, free] = vendors;
    const zero = { inputPerMillion: 0, outputPerMillion: 0 };
    const common = { kind: 'openai-compatible', model: 'm' } as const;
    const running = await start(
      priced,
      { maxCostPerDay: 0 },
      {
        anthropic: { ...common, name: 'unpriced', baseURL: unpriced.baseURL },
        offline: { ...common, name: 'free', baseURL: free.baseURL, cost: zero },
      },
    );

    await running.check();

    expect(vendors.map(paidRequests)).toEqual([0, 0, 1]);
    expect(running.health()).toMatchObject({
      status: 'up',
      providers: {
        openai: { status: 'unknown', skipped: 'cost_cap' },
        unpriced: { status: 'unknown', skipped: 'cost_cap', paidChecks: { count: 0 } },
        free: { status: 'up', paidChecks: { count: 1, costUsd: 0 } },
      },
    });
  });

  it('does not hold back a provider whose price nobody knows, which is counted and has no sum', async () => {
    const vendor = await startVendor();
    const { check } = await start(
      vendor,
      { maxCostPerDay: 0.000001 },
      { openai: { name: 'unpriced', model: 'unlisted', baseURL: vendor.baseURL, cost: undefined as never } },
    );

    await check(4);

    expect(app?.llm.connectivity.of('unpriced').paidChecks).toEqual({ count: 4 });
    expect(paidRequests(vendor)).toBe(4);
  });

  it('counts nothing for a refusal, and what was expected for an answer without a count', async () => {
    const vendor = await startVendor('broken');
    const { check, openai } = await start(vendor, { maxCostPerDay: 1 });

    await check(2);
    expect(openai().paidChecks).toEqual({ count: 2, costUsd: expect.closeTo(0, 12) });
    vendor.state = 'counts no tokens';
    await check();

    // Sixteen tokens in, one out.
    expect(openai().paidChecks).toEqual({ count: 3, costUsd: expect.closeTo(0.0154, 9) });
  });

  it('is in force when the options say nothing', async () => {
    const vendor = await startVendor();
    const { check } = await start(vendor, {});

    await check(12);

    expect(paidRequests(vendor)).toBe(10);
  });
});

describe('a critical provider whose checks the cap holds back', () => {
  it('is down for three intervals after a failed check, and then unknown: nobody looks, and no traffic may prove it', async () => {
    const vendor = await startVendor();
    const events = new RecordingEvents();
    const { check, health } = await start(
      vendor,
      { maxCostPerDay: 0.02, critical: true },
      { resilience: { clock, events } },
    );
    await check();
    vendor.state = 'cut';
    await check();
    vendor.state = 'answers';

    await clock.advance('15m');
    await check();
    expect(paidRequests(vendor)).toBe(2);
    expect(health()).toMatchObject({
      status: 'down',
      message: expect.stringMatching(/^openai: network \(.+; not checked since: cost_cap\)$/),
      providers: { openai: { status: 'down', reason: 'network', skipped: 'cost_cap' } },
    });
    await clock.advance('1ms');
    await check();

    expect(health()).toMatchObject({ status: 'up', providers: { openai: { status: 'unknown', skipped: 'cost_cap' } } });
    const changes = events.all.filter(({ name }) => name === 'resilience.llm.health-changed');
    expect(changes.map(({ payload }) => payload)).toMatchObject([
      { previous: 'unknown', status: 'up' },
      { previous: 'up', status: 'down', reason: 'network' },
      { previous: 'down', status: 'unknown' },
    ]);
  });

  it('is known again as soon as a real call tells', async () => {
    const vendor = await startVendor();
    const { llm, check, openai } = await start(vendor, { maxCostPerDay: 0, critical: true });
    await check();
    expect(openai()).toMatchObject({ status: 'unknown', skipped: 'cost_cap' });

    await llm.complete({ prompt: 'hello' });
    expect(openai()).toMatchObject({ status: 'up', source: 'traffic' });
    expect(openai()).not.toHaveProperty('skipped');
    vendor.state = 'broke';
    await llm.complete({ prompt: 'hello' }).catch(() => undefined);

    expect(openai()).toMatchObject({ status: 'down', reason: 'quota', source: 'traffic' });
  });

  it('is down for as long as its circuit is open, whatever the age', async () => {
    const vendor = await startVendor();
    const { check, openai } = await start(vendor, { maxCostPerDay: 0.016 });
    await check(2);

    app?.resilience.circuit('llm:openai:gpt-4o-mini').open();
    await clock.advance('1h');

    expect(openai()).toMatchObject({ status: 'down', reason: 'circuit_open', skipped: 'cost_cap' });
  });

  it('stays up, with its age, as long as nothing says otherwise', async () => {
    const vendor = await startVendor();
    const { check, health } = await start(vendor, { maxCostPerDay: 0.016, critical: true });
    await check();

    await clock.advance('15m');
    await check();
    expect(health()).toMatchObject({ status: 'up', providers: { openai: { status: 'up', ageMs: 900_000 } } });
    await clock.advance('1ms');

    expect(health()).toMatchObject({
      status: 'up',
      providers: { openai: { status: 'unknown', ageMs: 900_001, skipped: 'cost_cap' } },
    });
  });
});

describe('a budget of checks', () => {
  const costs = new Map([
    ['a', CENT],
    ['b', CENT],
  ]);
  const ping = { inputTokens: 10, outputTokens: 1, totalTokens: 11 };

  it('is one for all providers, and is booked before a check is sent', () => {
    const budget = new CheckBudget(0.02, costs, clock);

    const bookings = ['a', 'b', 'a'].map((provider) => budget.book(provider));

    // Until the first has been counted, each is expected to cost 1.54 cents.
    expect(bookings.map((settle) => settle !== undefined)).toEqual([true, false, false]);
    bookings[0]?.(ping);
    expect(budget.book('a')).toBeDefined();
    expect(budget.book('a')).toBeUndefined();
  });

  it('forgets spending after 24 hours, never earlier, and remembers little of a check every second', async () => {
    const budget = new CheckBudget(1_000, costs, clock);
    for (let second = 0; second < 1_200; second++) {
      budget.book('a')?.(ping);
      await clock.advance('1s');
    }

    const { slots } = budget as unknown as { slots: Map<string, unknown[]> };
    expect(slots.get('a')).toHaveLength(4);
    await clock.advance(DAY_AND_SLOT - 1_200_001);
    expect(budget.spentOn('a')).toMatchObject({ count: 1_200 });
    await clock.advance('1ms');
    expect(budget.spentOn('a')).toMatchObject({ count: 900 });
    budget.book('b')?.(NO_USAGE);
    await clock.advance('25h');
    expect(budget.spentOn('a')).toEqual({ count: 0, costUsd: 0 });
  });
});
