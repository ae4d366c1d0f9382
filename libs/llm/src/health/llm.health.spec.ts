import { afterEach, describe, expect, it } from '@jest/globals';
import { FakeClock, RecordingEvents } from '@nest-resilience/core/testing';
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type LlmApp, type LlmAppOptions, startLlmApp } from '../../test/llm-app.fixture.js';
import type { LlmHealthChangedEvent } from '../llm.events.js';
import { LlmConnectivityChecker } from './connectivity.checker.js';
import { LlmHealthIndicator } from './llm.health.js';

const DEAD = 'http://127.0.0.1:1/v1';

interface Vendor {
  readonly baseURL: string;
  /** Method and path of every request so far. */
  readonly paths: string[];
  /** Resolves when so many requests have come. */
  seen(count: number): Promise<void>;
}

const closers: (() => void)[] = [];

/** A vendor that answers as told, or never. */
async function startVendor(answer?: (path: string) => { status: number; body: object }): Promise<Vendor> {
  const paths: string[] = [];
  const came = new EventEmitter();
  const server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`);
    came.emit('request');
    if (answer === undefined) return;
    const { status, body } = answer(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const seen = async (count: number) => {
    while (paths.length < count) await once(came, 'request');
  };
  return { baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, paths, seen };
}

describe('LLM connectivity', () => {
  let app: LlmApp;
  const start = async (options?: LlmAppOptions) => (app = await startLlmApp(options));
  const check = (force?: boolean) => app.get(LlmConnectivityChecker).run({ ...(force && { force }) });
  const health = (options?: Parameters<LlmHealthIndicator['isHealthy']>[1]) =>
    app.get(LlmHealthIndicator).isHealthy('llm', options).llm;
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    await app.close();
  });

  it('is up when every provider lists its models', async () => {
    await start({ openai: { model: 'gpt-4o' }, anthropic: { model: 'claude-3-5-sonnet-20241022' } });

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
  });

  it('says that a key is wrong', async () => {
    const vendor = await startVendor(() => ({ status: 401, body: { error: { message: 'Incorrect API key' } } }));
    await start({ openai: { baseURL: vendor.baseURL } });

    await check();

    expect(health()).toMatchObject({
      providers: { openai: { status: 'down', reason: 'auth', message: expect.stringContaining('401') } },
    });
  });

  it('does not wait for a provider longer than its timeout', async () => {
    const { baseURL } = await startVendor();
    await start({ openai: { baseURL }, health: { enabled: false, timeout: 50 } });

    await check();

    expect(health()).toMatchObject({ providers: { openai: { status: 'down', reason: 'timeout' } } });
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
    await start({ openai: { baseURL: vendor.baseURL }, anthropic: false });
    await check();
    await app.llm.complete({ prompt: 'Summarise: hello there' });

    expect(health()).toMatchObject({ status: 'degraded', providers: { openai: { status: 'down', reason: 'quota' } } });
    await check();
    expect(health()).toMatchObject({ providers: { openai: { status: 'down', reason: 'quota', source: 'check' } } });
    broke = false;
    await check();
    expect(health()).toMatchObject({ status: 'up' });
  });

  it('checks when the application has started and then once per interval', async () => {
    const clock = new FakeClock();
    const changed = new EventEmitter();
    const events = {
      listens: (name: string) => name === 'resilience.llm.health-changed',
      emit: (_name: string, event: object) => void changed.emit('changed', event),
    };
    const vendor = await startVendor(() => ({ status: 200, body: { data: [] } }));
    const firstResult = once(changed, 'changed');
    const providers = { openai: { baseURL: vendor.baseURL }, anthropic: false, offline: false } as const;
    await start({ ...providers, resilience: { clock, events }, health: { jitter: 0 } });

    expect(await firstResult).toEqual([{ provider: 'openai', status: 'up', previous: 'unknown' }]);
    await clock.advance('299s');
    expect(vendor.paths).toHaveLength(1);
    await clock.advance('1s');
    await vendor.seen(2);
  });

  it('tells of a change that traffic has found', async () => {
    const vendor = await startVendor((path) =>
      path.endsWith('/models')
        ? { status: 200, body: { data: [] } }
        : { status: 429, body: { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } } },
    );
    const events = new RecordingEvents();
    await start({ openai: { baseURL: vendor.baseURL }, anthropic: false, resilience: { events } });
    await check();
    await app.llm.complete({ prompt: 'Summarise: hello there' });

    await check();

    const changes = events.all.filter(({ name }) => name === 'resilience.llm.health-changed');
    const payloads = changes.map(({ payload }) => payload as LlmHealthChangedEvent);
    expect(payloads.filter(({ provider }) => provider === 'openai')).toEqual([
      { provider: 'openai', status: 'up', previous: 'unknown' },
      { provider: 'openai', status: 'down', previous: 'up', reason: 'quota' },
    ]);
  });

  it('gives the reason for an open circuit, not what a caller did', async () => {
    await start({ anthropic: false, retry: false });
    const { connectivity } = app.llm;
    const failed = { provider: 'openai', model: 'gpt-4o-mini', fallbackLevel: 0, attempt: 1, durationMs: 1 } as const;
    connectivity.tried({ ...failed, outcome: 'failed', reason: 'overloaded' });
    connectivity.tried({ ...failed, outcome: 'failed', reason: 'aborted' });
    connectivity.tried({ ...failed, outcome: 'failed', reason: 'bad_request' });

    app.resilience.circuit('llm:openai:gpt-4o-mini').open();

    expect(connectivity.of('openai')).toMatchObject({ status: 'down', reason: 'overloaded' });
  });

  it('takes a provider that is not configured for one that is down', async () => {
    await start();

    await check();

    expect(health({ critical: true, providers: ['opneai'] })).toMatchObject({
      status: 'down',
      message: 'opneai: not_found (no configured provider has this name)',
    });
  });

  it('asks nobody after the application has ended', async () => {
    const vendor = await startVendor(() => ({ status: 200, body: { data: [] } }));
    await start({ openai: { baseURL: vendor.baseURL } });
    const checker = app.get(LlmConnectivityChecker);
    checker.onModuleDestroy();

    await checker.run({ force: true });

    expect(vendor.paths).toEqual([]);
  });

  it('checks everybody when asked to, also while another check runs', async () => {
    await start();
    app.openai.onMessage(/hello/, { content: 'Hi' });
    await app.llm.complete({ prompt: 'hello' });

    const results = await Promise.all([check(), check(true), check(true)]);

    expect(results[0]).toMatchObject([{ provider: 'openai', source: 'traffic' }, {}, {}]);
    expect(results[1]).toMatchObject([{ provider: 'openai', source: 'check' }, {}, {}]);
    expect(results[2]).toBe(results[1]);
  });

  it('joins a check that is running', async () => {
    await start();

    const [one, other] = [check(), check()];

    expect(one).toBe(other);
    await one;
  });
});
