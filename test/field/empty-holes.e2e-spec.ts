import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@nest-resilience/core';
import {
  checkWorkflow,
  type ExecutionLedger,
  type HttpAction,
  type LlmPort,
  parseWorkflow,
  Step,
  type StepContext,
  workflow,
  Workflow,
  type WorkflowDraft,
} from '@nest-resilience/workflow';
import { Application, type Setting } from '../workflow-rows/application.js';

// A template with a value that is not there made another request, or another question, than the one that was written; and it succeeded.

let server: Server;
let origin: string;
let seen: string[] = [];
let app: Application | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push([request.method, request.url, request.headers['x-token'], body].filter(Boolean).join(' '));
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});
beforeEach(() => {
  seen = [];
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});

const start = async (setting: Setting): Promise<Application> =>
  (app = await Application.start({ clock: systemClock, requests: { allow: ['127.0.0.1'] }, ...setting }));

async function runHttp(http: HttpAction, input: unknown): Promise<ExecutionLedger> {
  const node = { retry: { maxRetries: 3, strategy: 'immediate', budget: false }, http } as const;
  const application = await start({ definitions: [workflow('w').node('remove', node).build()] });
  return application.run('w', input);
}

const nothings: readonly (readonly [string, unknown])[] = [
  ['not there', undefined],
  ['null', null],
  ['an empty text', ''],
  ['blank', '  '],
  ['a line end', '\n'],
  ['an empty list', []],
  ['an empty object', {}],
  ['half a surrogate pair', 'a\ud800'],
];

describe('a hole of an http node that has nothing in it', () => {
  const places: readonly (readonly [string, string, (hole: string) => HttpAction])[] = [
    ['the last segment of the path', 'http.url', (hole) => ({ method: 'DELETE', url: `${origin}/orders/${hole}` })],
    ['a segment in the middle', 'http.url', (hole) => ({ method: 'DELETE', url: `${origin}/shops/${hole}/orders` })],
    ['the query of the URL', 'http.url', (hole) => ({ method: 'DELETE', url: `${origin}/orders?id=${hole}` })],
    ['the whole URL', 'http.url', (hole) => ({ url: hole })],
    ['the host', 'http.url', (hole) => ({ url: `http://${hole}.example.com/` })],
    ['a query value', 'http.query.id', (hole) => ({ method: 'DELETE', url: `${origin}/orders`, query: { id: hole } })],
    ['part of a query value', 'http.query.q', (hole) => ({ url: `${origin}/orders`, query: { q: `id:${hole}` } })],
    ['a list of query values', 'http.query.id', (hole) => ({ url: `${origin}/orders`, query: { id: ['1', hole] } })],
    ['a header', 'http.headers.x-token', (hole) => ({ url: `${origin}/orders`, headers: { 'x-token': hole } })],
    ['part of a header', 'http.headers.x-token', (hole) => ({ url: origin, headers: { 'x-token': `Key ${hole}` } })],
  ];

  describe.each(places)('as %s', (_, place, http) => {
    it.each(nothings)('fails the node once and sends nothing when it is %s', async (__, id) => {
      const ledger = await runHttp(http('{{ input.order.id }}'), { order: { id } });

      expect({ status: ledger.status, seen }).toEqual({ status: 'failed', seen: [] });
      const { error, attemptCount } = ledger.nodes[0]!;
      expect(error).toMatchObject({ code: 'RESILIENCE_WORKFLOW_UNUSABLE_VALUE', kind: 'permanent', node: 'remove' });
      expect(error?.message).toContain("'remove'");
      expect(error?.message).toContain(`{{ input.order.id }} in ${place}`);
      expect(attemptCount).toBe(1);
    });
  });

  it.each([
    ['an object that is not there', '{{ input.no.such.id }}'],
    ['a filter that finds none', '{{ input.orders[paid].id }}'],
    ['a condition without an else', '{{ input.orders[0].paid ? 7 }}'],
    ['a function that was not called', '{{ $uppercase }}'],
  ])('says so of %s', async (_, hole) => {
    const ledger = await runHttp({ method: 'DELETE', url: `${origin}/orders/${hole}` }, { orders: [{ id: 1 }] });

    expect({ status: ledger.status, seen }).toEqual({ status: 'failed', seen: [] });
    expect(ledger.error?.message).toContain(hole.replace(/^\{\{ | \}\}$/g, ''));
  });

  it.each([
    [0, '0'],
    [false, 'false'],
    ['0', '0'],
    [[1, 2], '%5B1%2C2%5D'],
  ])('takes %j for the value that it is', async (id, sent) => {
    const ledger = await runHttp({ method: 'DELETE', url: `${origin}/orders/{{ input.id }}` }, { id });

    expect({ status: ledger.status, seen }).toEqual({ status: 'succeeded', seen: [`DELETE /orders/${sent}`] });
  });

  it('does not open the circuit of the node: the server was not asked', async () => {
    const node = { circuitBreaker: { failureThreshold: 1 }, http: { url: `${origin}/orders/{{ input.id }}` } };
    const application = await start({ definitions: [workflow('w').node('get', node).build()] });

    const empty = await application.run('w', {});
    const full = await application.run('w', { id: 7 });

    expect([empty.status, full.status]).toEqual(['failed', 'succeeded']);
  });

  it('leaves the node to its fallback', async () => {
    const definition = workflow('w')
      .node('get', { http: { url: `${origin}/orders/{{ input.id }}` }, fallback: ['none'] })
      .node('none', { constant: 'no order' })
      .build();
    const application = await start({ definitions: [definition] });

    expect((await application.run('w', {})).output).toEqual({ get: 'no order' });
  });

  it('leaves a query parameter out that is written as an expression and comes to nothing', async () => {
    const query = { page: '$.input.page', size: '$.input.size', tag: '$.input.tags' };
    await runHttp({ url: `${origin}/orders`, query }, { page: null, tags: ['a', 'b&c=d'] });

    expect(seen).toEqual(['GET /orders?tag=a&tag=b%26c%3Dd']);
  });
});

describe('a hole of an http node', () => {
  it.each([
    '../../admin',
    '..%2f..%2fadmin',
    'a/b',
    'a\\b',
    '7?all=true',
    '7#x',
    '%2e%2e',
    '@evil.example',
    'a b\r\nX: y',
  ])('keeps %j in its segment of the path', async (id) => {
    const ledger = await runHttp({ method: 'DELETE', url: `${origin}/orders/{{ input.id }}/items` }, { id });

    expect(ledger.status).toBe('succeeded');
    expect(seen).toEqual([`DELETE /orders/${encodeURIComponent(id)}/items`]);
  });

  it.each(['.', '..'])('refuses %j, for which no code exists, without a retry', async (id) => {
    const ledger = await runHttp({ method: 'DELETE', url: `${origin}/orders/{{ input.id }}/items` }, { id });

    expect({ status: ledger.status, seen, attempts: ledger.nodes[0]?.attemptCount }).toEqual({
      ...{ status: 'failed', seen: [], attempts: 1 },
    });
  });

  it.each(['a\r\nX-Admin: 1', 'a\nb', 'a\0b', 'price: 7 \u20ac'])(
    'refuses %j in a header, without a retry',
    async (token) => {
      const ledger = await runHttp({ url: origin, headers: { 'x-token': 'Key {{ input.token }}' } }, { token });

      expect({ status: ledger.status, seen, attempts: ledger.nodes[0]?.attemptCount }).toEqual({
        ...{ status: 'failed', seen: [], attempts: 1 },
      });
      expect(ledger.error?.message).toContain('{{ input.token }} in http.headers.x-token');
    },
  );

  it.each(['evil.example/', 'evil.example:80', 'u@evil.example', 'evil.example?', 'evil.example#'])(
    'does not let %j end the host',
    async (region) => {
      const ledger = await runHttp({ url: 'http://{{ input.region }}.invalid/' }, { region });

      expect(ledger.error?.message).toMatch(/is no absolute URL/);
    },
  );
});

describe('a body of an http node', () => {
  const post = (body: unknown) => ({ method: 'POST', url: origin, body }) as const;

  it('keeps null, leaves out what is not there, and writes null as nothing inside a text', async () => {
    const body = {
      id: '{{ input.id }}',
      note: '{{ input.note }}',
      more: '$.input.more',
      text: 'Order {{ input.id }}.',
    };

    await runHttp(post(body), { id: null });

    expect(seen).toEqual(['POST / {"id":null,"text":"Order ."}']);
  });

  it.each([
    ['inside a text', { text: 'Order {{ input.id }}' }, '{{ input.id }} in http.body'],
    ['deep inside', { lines: [{ text: 'Order {{ input.id }}' }] }, '{{ input.id }} in http.body'],
    ['as a text', 'Order {{ input.id }}', '{{ input.id }} in http.body'],
    ['as the whole', '{{ input.id }}', "'input.id' in http.body"],
    ['as the whole, an expression', '$.input.id', "'$.input.id' in http.body"],
  ])('is not sent without a value that it has %s', async (_, body, message) => {
    const ledger = await runHttp(post(body), {});

    expect({ status: ledger.status, seen }).toEqual({ status: 'failed', seen: [] });
    expect(ledger.error?.message).toContain(message);
  });
});

describe('a hole of an llm node', () => {
  const asked: string[] = [];
  const llm: LlmPort = {
    complete: ({ messages }) => {
      asked.push(messages.map(({ content }) => content).join('|'));
      const usage = { inputTokens: 1, outputTokens: 1 };
      return Promise.resolve({
        ...{ text: 'ok', provider: 'p', fallbackLevel: 0, attempts: 1, usage, costUsd: 0, degraded: false, tries: [] },
      });
    },
  };
  beforeEach(() => {
    asked.length = 0;
  });
  const ask = async (action: object, input: unknown): Promise<ExecutionLedger> =>
    (await start({ llm, definitions: [workflow('w').node('ask', { llm: action }).build()] })).run('w', input);

  it.each([
    ['prompt', { prompt: 'Sum up: {{ input.txt }}' }],
    ['prompt', { prompt: '{{ input.txt }}' }],
    ['system', { system: 'You know {{ input.txt }}', prompt: 'Go on' }],
    ['messages[0]', { messages: [{ role: 'user', content: 'Sum up: {{ input.txt }}' }] }],
  ])('asks no model when its %s has a value that is not there', async (place, action) => {
    const ledger = await ask(action, { text: 'a' });

    expect({ status: ledger.status, asked }).toEqual({ status: 'failed', asked: [] });
    expect(ledger.error?.message).toContain(`Node 'ask': {{ input.txt }} in llm.${place} is undefined`);
  });

  it('writes null as nothing', async () => {
    await ask({ prompt: 'Note: {{ input.note }}; {{ input.count }}' }, { note: null, count: 0 });

    expect(asked).toEqual(['Note: ; 0']);
  });
});

describe('a hole with a name that a closed input schema does not have', () => {
  const line = { type: 'object', additionalProperties: false, properties: { sku: {}, price: { type: 'number' } } };
  const input = {
    type: 'object',
    additionalProperties: false,
    properties: {
      id: { type: 'string' },
      customer: { $ref: '#/$defs/customer' },
      lines: { type: 'array', items: line },
      free: { type: 'object' },
      maybe: { anyOf: [{ type: 'null' }, line] },
    },
    $defs: { customer: { type: 'object', additionalProperties: false, properties: { email: { type: 'string' } } } },
  };
  const problemsOf = async (setting: Setting): Promise<string> =>
    start(setting).then(
      () => 'none',
      (error: Error) => error.message,
    );

  it.each([
    ['input.idd', 'input.idd', "did you mean 'id'?"],
    ['$.input.idd', 'input.idd', "did you mean 'id'?"],
    ['input.customer.emial', 'input.customer.emial', "did you mean 'email'?"],
    ['input.lines.prise', 'input.lines.prise', "did you mean 'price'?"],
    ['$sum(input.lines[skuu = "a"].price)', 'input.lines.skuu', "did you mean 'sku'?"],
    ['input.lines.(price * amount)', 'input.lines.amount', 'known: sku, price'],
    ['input.maybe.prise', 'input.maybe.prise', "did you mean 'price'?"],
    ['$uppercase(input.idd) & "x"', 'input.idd', "did you mean 'id'?"],
  ])('is a problem of the definition: %s', async (hole, read, hint) => {
    const definition = (): WorkflowDraft =>
      workflow('w', { input })
        .node('get', { http: { url: `${origin}/{{ ${hole} }}` } })
        .build().draft;

    expect(definition).toThrow(`w > get: '${hole}' reads '${read}', which the input schema does not allow`);
    expect(definition).toThrow(hint);
  });

  it.each([
    'input.free.anything',
    'input.lines.price',
    'input.maybe.sku',
    'input.*.x',
    '$map(input.lines, function($l) { $l.x })',
  ])('is none where the schema leaves it open, or nobody can tell: %s', (hole) => {
    const builder = workflow('w', { input }).node('get', { http: { url: `${origin}/{{ ${hole} }}` } });

    expect(() => builder.build()).not.toThrow();
  });

  it('is none with a schema that is not closed', () => {
    const open = workflow('w', { input: { properties: { id: {} } } }).node('get', { transform: 'input.idd' });

    expect(() => open.build()).not.toThrow();
  });

  it('is found in a file, with its line', () => {
    const { draft } = parseWorkflow(
      [
        'name: w',
        'input: { type: object, additionalProperties: false, properties: { id: {} } }',
        'nodes:',
        '  get:',
        '    http: { url: "https://example.com/{{ input.idd }}" }',
      ].join('\n'),
      'w.yaml',
    );

    const { problems } = checkWorkflow(draft!);

    expect(problems).toMatchObject([{ workflow: 'w', node: 'get', file: 'w.yaml', line: 5 }]);
    expect(problems[0]?.message).toContain("did you mean 'id'?");
  });

  it('is found in a class', async () => {
    @Injectable()
    @Workflow('w', { input })
    class Orders {
      @Step({ input: { id: '{{ input.idd }}' } }) get({ input: given }: StepContext): unknown {
        return given;
      }
    }

    expect(await problemsOf({ providers: [Orders] })).toContain("w > get: 'input.idd' reads 'input.idd'");
  });

  it.each(['output', 'when', 'expect'])('is found in %s', (place) => {
    const wrong = '$.input.idd';
    const node = { constant: 1, ...(place !== 'output' && { [place]: wrong }) };
    const builder = workflow('w', { input, ...(place === 'output' && { output: wrong }) }).node('get', node);

    expect(() => builder.build()).toThrow("reads 'input.idd', which the input schema does not allow");
  });
});
