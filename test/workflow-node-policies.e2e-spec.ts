import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import {
  buildWorkflow,
  type HealSettings,
  parseWorkflow,
  type StepContext,
  workflow,
  WorkflowDefinitionError,
} from '@nest-resilience/workflow';

import { Application, busy, type Setting } from './workflow-rows/application.js';

let app: Application | undefined;
const servers: Server[] = [];
const start = async (setting?: Setting): Promise<Application> => (app = await Application.start(setting));
afterEach(async () => {
  await app?.close();
  app = undefined;
  for (const server of servers.splice(0)) server.close();
});

async function serve(status: (request: IncomingMessage, body: string) => [number, unknown?]) {
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      const [code, answer = {}] = status(request, body);
      response.writeHead(code, { 'content-type': 'application/json', 'set-cookie': 'secret=1' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
const local = { clock: systemClock, requests: { allow: ['127.0.0.1'] } };

describe('an http node', () => {
  it('sends what its templates make and answers with status, headers and the parsed body', async () => {
    const { url, seen } = await serve(() => [201, { id: 7 }]);
    const app = await start({
      ...local,
      definitions: [
        workflow('orders').node('create', {
          http: {
            method: 'POST',
            url: `${url}/shops/{{ input.shop }}/orders`,
            headers: { Authorization: 'Bearer {{ input.token }}' },
            query: { dry: '$.input.dry', missing: '$.input.nothing', tags: '$.input.tags' },
            body: { item: '$.input.item', fixed: true },
          },
        }),
      ],
    });

    const input = { shop: 'a/b?c', token: 't', dry: false, tags: ['x', 'y z'], item: { sku: 1 } };
    const ledger = await app.run('orders', input);

    expect(ledger.output).toMatchObject({ create: { status: 201, body: { id: 7 } } });
    expect((ledger.output as { create: { headers: object } }).create.headers).not.toHaveProperty('set-cookie');
    expect(seen).toMatchObject([
      {
        method: 'POST',
        url: '/shops/a%2Fb%3Fc/orders?dry=false&tags=x&tags=y+z',
        headers: {
          authorization: 'Bearer t',
          'content-type': 'application/json',
          'idempotency-key': `${ledger.id}:create`,
        },
        body: '{"item":{"sku":1},"fixed":true}',
      },
    ]);
  });

  it('keeps data in its part of the URL: it cannot change the host or climb the path', async () => {
    const { url, seen } = await serve(() => [200]);
    const app = await start({
      ...local,
      definitions: [
        workflow('path').node('a', { http: { url: `${url}/users/{{ input.id }}` } }),
        workflow('host').node('a', { http: { url: 'http://{{ input.id }}.example.com/' } }),
      ],
    });

    const outcomes = [];
    for (const id of ['..', '.', '@evil.example', '../../admin', '127.0.0.1/'])
      outcomes.push((await app.run('path', { id })).error?.message ?? 'sent');
    const host = await app.run('host', { id: '127.0.0.1/' });

    expect(outcomes).toEqual([
      "'..' cannot be a part of a URL",
      "'.' cannot be a part of a URL",
      'sent',
      'sent',
      'sent',
    ]);
    expect(seen.map(({ url: path }) => path)).toEqual([
      '/users/%40evil.example',
      '/users/..%2F..%2Fadmin',
      '/users/127.0.0.1%2F',
    ]);
    expect(host.error?.message).toMatch(/is no absolute URL/);
  });

  it('fails with the status, so that retries know what is worth it, unless the status is accepted', async () => {
    const script = [503, 503, 200];
    const { url, seen } = await serve(({ url: path }) => [
      path?.startsWith('/gone') ? 404 : (script.shift() ?? 200),
      { ok: true },
    ]);
    const retry = { maxRetries: 5, strategy: 'immediate', budget: false } as const;
    const app = await start({
      ...local,
      definitions: [
        workflow('w')
          .node('flaky', { retry, http: { url: `${url}/flaky` } })
          .node('gone', { after: 'flaky', retry, optional: true, http: { url: `${url}/gone?key=secret` } })
          .node('asked', { after: 'gone', http: { url: `${url}/gone`, accept: [404] } }),
      ],
    });

    const ledger = await app.run('w');

    expect(ledger.nodes).toMatchObject([
      { node: 'flaky', attemptCount: 3, result: { status: 200 } },
      {
        node: 'gone',
        attemptCount: 1,
        error: { status: 404, reason: 'not_found', message: expect.not.stringContaining('secret') },
      },
      { node: 'asked', result: { status: 404, body: { ok: true } } },
    ]);
    expect(seen).toHaveLength(5);
  });

  it('takes JSON that is none for a bad answer, which the next try may mend', async () => {
    const script = ['<html>', '{"ok":1}'];
    const { url } = await serve(() => [200, script.shift()]);
    const retry = { maxRetries: 1, strategy: 'immediate', budget: false } as const;
    const app = await start({ ...local, definitions: [workflow('w').node('a', { retry, http: { url } })] });

    const ledger = await app.run('w');

    expect(ledger.nodes[0]).toMatchObject({
      result: { body: { ok: 1 } },
      attempts: [{ error: { reason: 'invalid_output' } }, {}],
    });
  });

  it('for each item of a list', async () => {
    const { url } = await serve(({ url: path }) => [path === '/b' ? 500 : 200, { path }]);
    const app = await start({
      ...local,
      definitions: [
        workflow('w').node('all', {
          each: { items: 'input.names', as: 'name', partial: true, http: { url: `${url}/{{ name }}` } },
        }),
      ],
    });

    const { output } = await app.run('w', { names: ['a', 'b', 'c'] });

    expect(output).toMatchObject({ all: { successRate: 2 / 3, failures: [{ item: 'b', error: { status: 500 } }] } });
  });
});

describe('policies of a node', () => {
  const exact = { strategy: 'immediate', budget: false } as const;

  it('cache: what the node sees makes the key, or an expression', async () => {
    let calls = 0;
    const run = (): number => ++calls;
    const app = await start({
      definitions: [
        workflow('by-scope').node('a', { cache: '1m', run }),
        workflow('by-key').node('a', { cache: { ttl: '1m', key: 'input.id' }, run }),
      ],
    });
    const outputs = async (name: string, inputs: object[]) => {
      const all = [];
      for (const input of inputs) all.push((await app.run(name, input)).output);
      return all;
    };

    expect(
      await outputs('by-scope', [
        { id: 1, x: 1 },
        { id: 1, x: 1 },
        { id: 1, x: 2 },
      ]),
    ).toEqual([{ a: 1 }, { a: 1 }, { a: 2 }]);
    expect(await outputs('by-key', [{ id: 1, x: 1 }, { id: 1, x: 2 }, { id: 2 }, {}, {}])).toEqual([
      { a: 3 },
      { a: 3 },
      { a: 4 },
      { a: 5 },
      { a: 6 },
    ]);
    await (app.clock as FakeClock).advance('1m');
    expect(await outputs('by-key', [{ id: 1 }])).toEqual([{ a: 7 }]);
  });

  it('coalesce: equal calls at the same time share one', async () => {
    let calls = 0;
    const app = await start({
      definitions: [
        workflow('w').node('a', {
          coalesce: true,
          run: () => new Promise((resolve) => app.clock.setTimer(() => resolve(++calls), 100)),
        }),
      ],
    });

    const started = await Promise.all([1, 1, 2].map((id) => app.workflows.start('w', { id })));
    const ends = await Promise.all(started.map(({ id }) => app.untilEnd(id)));

    expect(ends.map(({ output }) => output)).toEqual([{ a: 1 }, { a: 1 }, { a: 2 }]);
  });

  it('hedge: a second attempt joins a slow one; the first answer counts, and neither is a retry', async () => {
    const waits = [5_000, 100];
    let aborted = 0;
    const app = await start({
      definitions: [
        workflow('w').node('a', {
          hedge: '1s',
          run: ({ signal, attempt }) =>
            new Promise((resolve, reject) => {
              const timer = app.clock.setTimer(() => resolve(attempt), waits.shift() ?? 0);
              signal.addEventListener('abort', () => {
                aborted++;
                timer.cancel();
                reject(signal.reason as Error);
              });
            }),
        }),
      ],
    });

    const ledger = await app.run('w');

    expect(ledger).toMatchObject({ output: { a: 2 }, totals: { attempts: 2, retries: 0 } });
    expect(ledger.nodes[0]?.attempts.map(({ outcome }) => outcome)).toEqual(['cancelled', 'succeeded']);
    expect(aborted).toBe(1);
  });

  it('bulkhead: no more attempts at once, over all runs', async () => {
    let atWork = 0;
    let most = 0;
    const app = await start({
      definitions: [
        workflow('w').node('a', {
          bulkhead: { maxConcurrent: 2, maxQueue: 10 },
          run: async () => {
            most = Math.max(most, ++atWork);
            await new Promise<void>((resolve) => app.clock.setTimer(resolve, 100));
            atWork--;
          },
        }),
      ],
    });

    const started = await Promise.all(Array.from({ length: 6 }, () => app.workflows.start('w', {})));
    const ends = await Promise.all(started.map(({ id }) => app.untilEnd(id)));

    expect(ends.map(({ status }) => status)).toEqual(Array(6).fill('succeeded'));
    expect(most).toBe(2);
  });

  it('rate limit: a bucket per value of its key; what is refused is written down as rejected', async () => {
    const app = await start({
      definitions: [
        workflow('w', { deadLetter: false }).node('a', {
          rateLimit: { limit: 1, interval: '1h', key: 'input.tenant' },
          run: () => 'ok',
        }),
      ],
    });

    const ends = [];
    for (const tenant of ['a', 'a', 'b']) ends.push(await app.run('w', { tenant }));

    expect(ends.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded']);
    expect(ends[1]?.nodes[0]?.attempts).toMatchObject([
      { outcome: 'rejected', error: { code: 'RESILIENCE_RATE_LIMITED' } },
    ]);
  });

  it('circuit of a workflow: while it is open no node starts, and the fallback workflow answers', async () => {
    let calls = 0;
    const app = await start({
      definitions: [
        workflow('main', { circuitBreaker: { failureThreshold: 1 }, fallback: ['spare'] }).node('a', {
          run: () => {
            calls++;
            throw busy();
          },
        }),
        workflow('spare').node('a', { constant: 'spare' }),
      ],
    });

    await app.run('main');
    const ledger = await app.run('main');

    expect(ledger).toMatchObject({ status: 'succeeded', servedBy: 'spare', output: { a: 'spare' }, nodes: [] });
    expect(calls).toBe(1);
  });

  it('circuit: one per value of its key', async () => {
    const app = await start({
      definitions: [
        workflow('w', { deadLetter: false }).node('a', {
          circuitBreaker: { name: 'region', failureThreshold: 1, key: 'input.region' },
          run: ({ input }: StepContext) => {
            if ((input as { region: string }).region === 'east') throw busy();
            return 'ok';
          },
        }),
      ],
    });

    for (const region of ['east', 'west']) await app.run('w', { region });

    expect(app.resilience.circuit('region[east]').state).toBe('open');
    expect(app.resilience.circuit('region[west]').state).toBe('closed');
  });

  it('expect: a result that does not meet it is a failed attempt for retry, circuit and fallback', async () => {
    let calls = 0;
    const app = await start({
      definitions: [
        workflow('w')
          .node('sure', {
            retry: { ...exact, maxRetries: 2 },
            expect: 'result.confidence > 0.7',
            run: () => ({ confidence: ++calls * 0.3 }),
          })
          .node('never', { expect: 'result > input.least', fallback: ['plain'], run: () => 1 })
          .node('plain', { constant: 'plain' }),
      ],
    });

    const ledger = await app.run('w', { least: 10 });

    expect(ledger.output).toMatchObject({ never: 'plain' });
    expect(ledger.nodes.find(({ node }) => node === 'sure')).toMatchObject({ attemptCount: 3, retryCount: 2 });
  });

  it('wrong ones are refused when the application starts, all at once', async () => {
    const broken = workflow('w')
      .node('a', { cache: { ttl: '1m', key: '$.(' }, constant: 1 })
      .node('b', { rateLimit: { limit: 0, interval: '1s' } as never, hedge: {} as never, constant: 1 })
      .node('c', { heal: { diagnose: 'x', remedies: {}, rounds: 99 }, constant: 1 })
      .node('d', { expect: 'reslt > 1', constant: 1 });

    const error = await start({ definitions: [broken] }).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(WorkflowDefinitionError);
    const { message } = error as Error;
    for (const part of [
      /w > a: cannot read the expression/,
      /w > b: rateLimit > limit/,
      /w > b: hedge/,
      /w > c: heal > rounds: expected a whole number from 1 to 10/,
      /w > c: heal > remedies: .*a diagnosis alone mends nothing/,
      /w > c: heals with 'x', which is no node/,
      /w > d: reads 'reslt'/,
    ])
      expect(message).toMatch(part);
  });
});

describe('healing', () => {
  it('by nodes of a file: diagnosis and remedy see what failed, and the node sees the remedy', async () => {
    const file = `
name: mended
nodes:
  read:
    input: { text: '{{ $exists(heal) ? heal.remedy : input.text }}' }
    call: parse
    heal: { diagnose: why, remedies: { quotes: straighten }, otherwise: give_up, rounds: 2 }
  why: { transform: '$contains(heal.input.text, "“") ? { "issue": "quotes", "found": heal.error.message }' }
  straighten: { transform: '$replace(heal.input.text, /[“”]/, "\\"")' }
  give_up: { constant: '{}' }
`;
    const { draft, problems } = parseWorkflow(file, 'mended.yaml');
    expect(problems).toEqual([]);
    const app = await start({
      definitions: [buildWorkflow(draft!)],
      handlers: { parse: ({ text }: { text: string }) => JSON.parse(text) as unknown },
    });

    const mended = await app.run('mended', { text: '{“a”: 1}' });
    const hopeless = await app.run('mended', { text: 'no JSON' });

    expect(mended.output).toEqual({ read: { a: 1 } });
    expect(mended.nodes[0]?.heals).toMatchObject([{ issue: 'quotes', remedy: 'straighten', outcome: 'applied' }]);
    expect(mended.nodes[0]?.attempts.map(({ by, outcome }) => [by, outcome])).toEqual([
      ['read', 'failed'],
      ['why', 'succeeded'],
      ['straighten', 'succeeded'],
      ['read', 'succeeded'],
    ]);
    expect(hopeless.output).toEqual({ read: {} });
  });

  it.each<[string, HealSettings, string]>([
    ['no diagnosis', { diagnose: () => undefined, remedies: { x: () => 1 } }, 'undiagnosed'],
    [
      'a diagnosis that fails',
      { diagnose: () => Promise.reject(new Error('lost')), remedies: { x: () => 1 } },
      'undiagnosed',
    ],
    ['an issue without a remedy', { diagnose: () => 'y', remedies: { x: () => 1 } }, 'no_remedy'],
    ['an issue named like a prototype', { diagnose: () => 'constructor', remedies: { x: () => 1 } }, 'no_remedy'],
    [
      'a remedy that fails',
      { diagnose: () => 'x', remedies: { x: (): unknown => Promise.reject(new Error('broke')) } },
      'remedy_failed',
    ],
  ])('with %s leaves the error of the node', async (_, heal, outcome) => {
    const run = (): never => {
      throw new Error('the real one');
    };
    const app = await start({ definitions: [workflow('w').node('a', { heal, run })] });

    const ledger = await app.run('w');

    expect(ledger.error?.message).toBe('the real one');
    expect(ledger.nodes[0]?.heals).toMatchObject([{ outcome }]);
  });

  it('gives each item and each round a key of its own, for effects that must happen once', async () => {
    const keys: string[] = [];
    const app = await start({
      definitions: [
        workflow('w')
          .node('a', {
            each: { items: 'input.items', partial: true, run: () => Promise.reject(new Error('always')) },
            heal: {
              diagnose: 'why',
              remedies: { x: ({ idempotencyKey }) => keys.push(idempotencyKey) },
              rounds: 2,
            },
          })
          .node('why', {
            run: ({ idempotencyKey }) => {
              keys.push(idempotencyKey);
              return 'x';
            },
          }),
      ],
    });

    const { id } = await app.run('w', { items: ['p', 'q'] });

    expect(new Set(keys).size).toBe(8);
    expect(keys).toContain(`${id}:a:why:1:heal2`);
  });

  it('ends after its rounds, and before the fallback', async () => {
    let calls = 0;
    const app = await start({
      definitions: [
        workflow('w')
          .node('a', {
            heal: { diagnose: () => 'x', remedies: { x: () => 1 }, rounds: 3 },
            fallback: ['b'],
            run: () => {
              calls++;
              throw new Error('always');
            },
          })
          .node('b', { constant: 'b' }),
      ],
    });

    const ledger = await app.run('w');

    expect({ output: ledger.output, calls }).toEqual({ output: { a: 'b' }, calls: 4 });
  });
});
