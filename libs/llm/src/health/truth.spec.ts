import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import type { RequestListener } from 'node:http';
import { type LlmApp, type LlmAppOptions, startLlmApp } from '../../test/llm-app.fixture.js';
import { type OneVendor, refusing, saying, startOneVendor } from '../../test/one-vendor.fixture.js';
import { LlmConnectivityChecker } from './connectivity.checker.js';
import { LlmHealthIndicator } from './llm.health.js';

const json =
  (body: object | string, type = 'application/json'): RequestListener =>
  (_request, response) =>
    void response.writeHead(200, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body));

const listing = (...ids: string[]) => json({ data: ids.map((id) => ({ id })) });
const NO_LIST = refusing(404, 'Not Found');
const hi = saying('Hi');

let app: LlmApp | undefined;
let vendor: OneVendor | undefined;
afterEach(async () => {
  await app?.close();
  await vendor?.close();
});

/** One provider, `openai`, whose list and answers are as told. */
async function start(list: RequestListener, answer: RequestListener = hi, options: LlmAppOptions = {}) {
  const sent: string[] = [];
  vendor = await startOneVendor((request, response) => {
    sent.push(request.method ?? '');
    (request.method === 'GET' ? list : answer)(request, response);
  });
  const { openai, ...rest } = options;
  const target = { baseURL: vendor.baseURL, ...openai };
  app = await startLlmApp({ openai: target, anthropic: false, offline: false, retry: false, ...rest });
  const { llm } = app;
  const check = () => (app as LlmApp).get(LlmConnectivityChecker).run();
  const says = () => {
    const { status, reason } = llm.connectivity.of('openai');
    return [status, reason].filter(Boolean).join(': ');
  };
  const call = () => llm.complete({ prompt: 'hello' }).then(() => 'served', () => 'failed'); // prettier-ignore
  return { llm, check, says, call, sent, circuit: app.resilience.circuit('llm:openai:gpt-4o-mini') };
}

describe('a check', () => {
  it.each<[what: string, list: RequestListener, answer: RequestListener, health: string]>([
    ['a page of a proxy in place of the list', json('<html>Sign in</html>', 'text/html'), hi, 'down: invalid_output'],
    ['a list without the model', listing('gpt-5'), hi, 'degraded: not_found'],
    ['a list with the model', listing('gpt-5', 'gpt-4o-mini'), hi, 'up'],
    ['a list that names it by its path', listing('models/gpt-4o-mini'), hi, 'up'],
    ['an empty list', listing(), hi, 'up'],
    ['a list that is not shown with this key, and a model that answers', refusing(403, 'Missing scopes'), hi, 'up'],
    ['a list and a model that refuse the key', refusing(401, 'no'), refusing(401, 'no'), 'down: auth'],
    ['no list, and a model that needs more than a token', NO_LIST, refusing(400, 'Could not finish the message because max_tokens or model output limit was reached.'), 'up'],
    ['no list, and a vendor with a least number of tokens', NO_LIST, refusing(400, "Invalid 'max_output_tokens': integer below minimum value. Expected >= 16."), 'up'],
    ['no list, and a request that is wrong otherwise', NO_LIST, refusing(400, 'Unknown field'), 'down: bad_request'],
    ['no list, and a model that is gone', NO_LIST, refusing(404, 'no such model'), 'down: not_found'],
    ['a rate limit', refusing(429, 'slow down', { 'retry-after': '30' }), hi, 'degraded: rate_limit'],
    ['a list that breaks', refusing(500, 'boom'), hi, 'down: server_error'],
  ])('of %s', async (_what, list, answer, health) => {
    const { check, says } = await start(list, answer);

    await check();

    expect(says()).toBe(health);
  }); // prettier-ignore

  it('keeps to what a rate limit asked for, and is up again when the time is over', async () => {
    const clock = new FakeClock();
    const { check, says, sent } = await start(refusing(429, 'slow', { 'retry-after': '30' }), hi, {
      resilience: { clock, random: () => 0 },
    });
    for (let checks = 0; checks < 3; checks++) await check();
    expect(sent).toEqual(['GET']);

    await clock.advance('30s');

    expect(says()).toBe('up');
    await check();
    expect(sent).toEqual(['GET', 'GET']);
  });

  it('of a provider without permission to pay says what its list said', async () => {
    const { check, says } = await start(refusing(401, 'no'), hi, { health: { enabled: false, maxCostPerDay: 0 } });

    await check();

    expect(says()).toBe('down: auth');
  });
});

describe('traffic', () => {
  it('with one flagged prompt changes nothing, nor do many', async () => {
    const flagged = refusing(403, 'Your chosen model requires moderation and your input was flagged');
    const { check, says, call, circuit } = await start(listing('gpt-4o-mini'), flagged);
    await check();

    for (let calls = 0; calls < 6; calls++) expect(await call()).toBe('failed');

    expect([says(), circuit.state]).toEqual(['up', 'closed']);
  });

  it('with a 403 disproves a provider when it comes again', async () => {
    const { check, says, call } = await start(listing('gpt-4o-mini'), refusing(403, 'no'));
    await check();

    await call();
    expect(says()).toBe('up');
    await call();
    expect(says()).toBe('down: permission');
  });

  it('with a rate limit proves a provider, which is degraded until its time is over', async () => {
    const clock = new FakeClock();
    const { says, call } = await start(listing(), refusing(429, 'slow', { 'retry-after': '60' }), {
      resilience: { clock, random: () => 0 },
    });
    await call();
    expect(says()).toBe('degraded: rate_limit');

    await clock.advance('60s');

    expect(says()).toBe('up');
  });

  it('with a model that is gone: the provider is down while it is left alone', async () => {
    const { says, call } = await start(listing(), refusing(404, 'The model does not exist'));

    await call();

    expect(says()).toBe('down: not_found');
  });

  it('with one model of two that is gone: degraded', async () => {
    const { says, call } = await start(listing(), refusing(404, 'The model does not exist'), {
      openai: { models: ['gpt-5'] },
      fallThrough: { not_found: false },
    });

    await call();

    expect(says()).toBe('degraded: not_found');
  });

  it('that opened the circuit: half open, it is not up before something has proven it', async () => {
    const clock = new FakeClock();
    let broken = true;
    const { check, says, call, circuit } = await start(
      listing('gpt-4o-mini'),
      (request, response) => (broken ? refusing(500, 'boom') : hi)(request, response),
      { resilience: { clock, random: () => 0 } },
    );
    for (let calls = 0; calls < 5; calls++) await call();
    expect([circuit.state, says()]).toEqual(['open', 'down: server_error']);

    await clock.advance('60s');
    await check();
    expect([circuit.state, says()]).toEqual(['half_open', 'degraded: server_error']);

    broken = false;
    await call();
    expect([circuit.state, says()]).toEqual(['closed', 'up']);
  });

  it('says the same in the indicator', async () => {
    const { call } = await start(listing(), refusing(429, 'slow', { 'retry-after': '60' }));
    await call();

    expect((app as LlmApp).get(LlmHealthIndicator).isHealthy('llm').llm).toMatchObject({
      status: 'degraded',
      message: 'openai: rate_limit (asked to be left alone)',
      providers: { openai: { status: 'degraded', reason: 'rate_limit' } },
    });
  });
});

describe('of several replicas', () => {
  it.each<[what: string, lead: () => Promise<boolean>, checked: number]>([
    ['that does not lead checks nobody', () => Promise.resolve(false), 0],
    ['that leads checks', () => Promise.resolve(true), 1],
    ['that nobody answers checks for itself', () => Promise.reject(new Error('away')), 1],
  ])('one %s', async (_what, lead, checked) => {
    const clock = new FakeClock();
    const { llm, sent } = await start(listing('gpt-4o-mini'), hi, {
      resilience: { clock },
    });
    const { resilience } = app as LlmApp;
    Object.assign(llm.options.health, { enabled: true });
    const ticks = clock.pending;
    const asked: string[] = [];
    const lease = { lead: (name: string) => (asked.push(name), lead()) };
    const replica = new LlmConnectivityChecker(llm, resilience, () => 0, undefined, lease);
    sent.length = 0;

    replica.onApplicationBootstrap();
    // The next round is set when this one is over.
    while (clock.pending === ticks || asked.length === 0) await new Promise(setImmediate);
    while (sent.length < checked) await new Promise(setImmediate);
    replica.onModuleDestroy();

    expect(asked).toEqual(['checks']);
    expect(sent).toHaveLength(checked);
  });
});
