import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type LlmApp, type LlmAppOptions, startLlmApp } from '../llm-app.fixture.js';
import { LlmConnectivityChecker } from './connectivity.checker.js';
import { LlmHealthIndicator } from './llm.health.js';

const DEAD = 'http://127.0.0.1:1/v1';

/** A vendor that refuses the list of models, and whatever else `answer` says. */
async function startVendor(
  answer: (path: string) => { status: number; body: object },
): Promise<{ baseURL: string; paths: string[]; close: () => void }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`);
    const { status, body } = answer(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, paths, close };
}

describe('LLM connectivity', () => {
  let app: LlmApp;
  const start = async (options?: LlmAppOptions) => (app = await startLlmApp(options));
  const check = (force?: boolean) => app.get(LlmConnectivityChecker).run({ ...(force && { force }) });
  const health = (options?: Parameters<LlmHealthIndicator['isHealthy']>[1]) =>
    app.get(LlmHealthIndicator).isHealthy('llm', options).llm;
  afterEach(() => app.close());

  it('is up when every provider lists its models', async () => {
    await start();

    await check();

    expect(health()).toMatchObject({
      status: 'up',
      providers: {
        openai: {
          status: 'up',
          source: 'check',
          latencyMs: expect.any(Number),
          lastSuccessAt: expect.stringMatching(/^\d{4}-/),
          ageMs: expect.any(Number),
        },
        anthropic: { status: 'up' },
        offline: { status: 'up' },
      },
    });
  });

  it('asks nobody when it is read', async () => {
    await start();

    expect(health()).toMatchObject({ status: 'up', providers: { openai: { status: 'unknown' } } });
  });

  it('is degraded, and says why, when some provider is down', async () => {
    await start({ openai: { baseURL: DEAD } });

    await check();

    expect(health()).toMatchObject({
      status: 'degraded',
      message: expect.stringContaining('openai: network'),
      providers: { openai: { status: 'down', reason: 'network' } },
    });
  });

  it('is down only when it is critical and no provider is usable', async () => {
    await start({ openai: { baseURL: DEAD }, anthropic: { baseURL: DEAD } });

    await check();

    expect(health()).toMatchObject({ status: 'degraded' });
    expect(health({ critical: true })).toMatchObject({ status: 'degraded' });
    expect(health({ critical: true, providers: ['openai', 'anthropic'] })).toMatchObject({ status: 'down' });
  });

  it('asks for one token where there is no list of models', async () => {
    const vendor = await startVendor((path) =>
      path.endsWith('/models')
        ? { status: 404, body: {} }
        : {
            status: 200,
            body: { choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'length' }] },
          },
    );
    await start({ openai: { baseURL: vendor.baseURL }, anthropic: false });

    await check();

    expect(health()).toMatchObject({ providers: { openai: { status: 'up' } } });
    expect(vendor.paths).toEqual(['GET /v1/models', 'POST /v1/chat/completions']);
    vendor.close();
  });

  it('says that a key is wrong', async () => {
    const vendor = await startVendor(() => ({ status: 401, body: { error: { message: 'Incorrect API key' } } }));
    await start({ openai: { baseURL: vendor.baseURL } });

    await check();

    expect(health()).toMatchObject({
      providers: { openai: { status: 'down', reason: 'auth', message: expect.stringContaining('401') } },
    });
    vendor.close();
  });

  it('does not wait for a provider longer than its timeout', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const baseURL = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1`;
    await start({ openai: { baseURL }, health: { enabled: false, timeout: 50 } });

    await check();

    expect(health()).toMatchObject({ providers: { openai: { status: 'down', reason: 'timeout' } } });
    silent.close();
    silent.closeAllConnections();
  });

  it('leaves out a provider that real traffic has proven within the interval', async () => {
    const clock = new FakeClock();
    await start({ resilience: { clock } });
    app.openai.onMessage(/hello/, { content: 'Hi' });
    await app.llm.complete({ prompt: 'hello' });
    app.openai.clearRequests();

    await check();
    expect(health()).toMatchObject({
      providers: { openai: { status: 'up', source: 'traffic' }, anthropic: { source: 'check' } },
    });

    await clock.advance('6m');
    await check();
    expect(health()).toMatchObject({ providers: { openai: { source: 'check', ageMs: 0 } } });
  });

  it('knows from real traffic that the money is gone, and checks with a paid call until it is back', async () => {
    let broke = true;
    const vendor = await startVendor((path) => {
      if (path.endsWith('/models')) return { status: 200, body: { data: [] } };
      if (broke)
        return {
          status: 429,
          body: { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } },
        };
      return {
        status: 200,
        body: { choices: [{ index: 0, message: { role: 'assistant', content: 'p' }, finish_reason: 'length' }] },
      };
    });
    await start({ openai: { baseURL: vendor.baseURL } });
    await check();
    await app.llm.complete({ prompt: 'Summarise: hello there' });

    expect(health()).toMatchObject({ status: 'degraded', providers: { openai: { status: 'down', reason: 'quota' } } });
    await check();
    expect(health()).toMatchObject({ providers: { openai: { status: 'down', reason: 'quota', source: 'check' } } });
    broke = false;
    await check();
    expect(health()).toMatchObject({ status: 'up' });
    vendor.close();
  });

  it('checks when the application has started and then once per interval', async () => {
    const clock = new FakeClock();
    const vendor = await startVendor(() => ({ status: 200, body: { data: [] } }));
    await start({
      openai: { baseURL: vendor.baseURL },
      anthropic: false,
      resilience: { clock },
      health: { jitter: 0 },
    });
    await check();
    expect(vendor.paths).toHaveLength(1);

    await clock.advance('5m');
    await check();

    expect(vendor.paths).toHaveLength(2);
    vendor.close();
  });

  it('joins a check that is running', async () => {
    await start();

    const [one, other] = [check(), check()];

    expect(one).toBe(other);
    await one;
  });
});
