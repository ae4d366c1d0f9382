import 'reflect-metadata';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import {
  CircuitBreaker,
  DeadLetter,
  Fallback,
  MemoryDeadLetterStore,
  ResilienceModule,
  Retry,
} from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule } from '@nest-resilience/core/health';
import { MetricsModule } from '@nest-resilience/core/metrics';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import { Ajv } from 'ajv';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { type LlmPort, MemoryExecutionStore, workflow, WorkflowModule } from '../index.js';

const TOKEN = 'a-token-for-tests-only';
const NOWHERE = '01970000-0000-7000-8000-000000000000';

@Injectable()
class Orders {
  @Retry({ maxRetries: 1, strategy: 'immediate' })
  @CircuitBreaker({ name: 'stock' })
  @DeadLetter('orders')
  async place(_order: object): Promise<string> {
    return Promise.reject(new AggregateError([new Error('one')], 'down', { cause: new Error('no route') }));
  }

  @Fallback(() => 'later')
  @DeadLetter('orders')
  async reserve(order: { readonly broken?: boolean }): Promise<string> {
    return order.broken ? Promise.reject(new Error('broken')) : 'reserved';
  }
}

const llm: LlmPort = {
  complete: () =>
    Promise.resolve({
      ...{ text: 'ham', provider: 'fake', fallbackLevel: 1, attempts: 2, costUsd: 0.001, degraded: true },
      usage: { inputTokens: 5, outputTokens: 2 },
      tries: [
        { provider: 'other', fallbackLevel: 0, attempt: 1, outcome: 'failed', reason: 'timeout', durationMs: 3 },
        { provider: 'fake', fallbackLevel: 1, attempt: 1, outcome: 'succeeded', durationMs: 2 },
      ],
    }),
};

let broken = true;
const fail = (): never => {
  throw Object.assign(new Error('unreadable', { cause: new Error('no bytes') }), { code: 'EIO', status: 503 });
};

const receipts = workflow('receipts', {
  description: 'Reads receipts',
  input: { type: 'object', properties: { url: { type: 'string' } }, additionalProperties: false },
  deadline: '1m',
  output: { total: '$.total' },
})
  .node('look', { llm: { prompt: 'What is it?' } })
  .node('read', {
    ...{ after: 'look', retry: { maxRetries: 1, strategy: 'immediate' } },
    run: () => (broken ? fail() : 1),
    heal: { diagnose: () => 'dark', remedies: { dark: () => (broken = false) } },
  })
  .node('lines', {
    ...{ after: 'read', when: 'true', deadLetter: true, retry: { maxRetries: 1, strategy: 'immediate' } },
    each: { items: '[1, 2]', partial: true, run: ({ index }) => (index === 0 ? fail() : 1) },
  })
  .node('extra', { after: 'read', optional: true, run: fail })
  .node('total', { after: 'read', run: fail, fallback: ['guess'] })
  .node('guess', { constant: 0 });
const hopeless = workflow('hopeless').node('begin', { constant: 1 }).node('end', { after: 'begin', run: fail, deadLetter: true }); // prettier-ignore

const endless = workflow('endless').node('wait', {
  run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
});

let app: INestApplication<App>;
let document: OpenAPIObject;

beforeAll(async () => {
  const store = new MemoryDeadLetterStore();
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({ deadLetter: { store } }),
      AdminModule.forRoot({ token: TOKEN }),
      HealthModule.forRoot(),
      MetricsModule.forRoot(),
      WorkflowModule.forRoot({ definitions: [receipts, hopeless, endless], llm, store: new MemoryExecutionStore() }),
    ],
    providers: [Orders],
  }).compile();
  app = module.createNestApplication<INestApplication<App>>({ logger: false });
  document = SwaggerModule.createDocument(app, new DocumentBuilder().addBearerAuth().build());
  await app.init();
  await app.get(Orders).place({ at: new Date(0), sku: 'nail' }).catch(() => undefined); // prettier-ignore
  await app.get(Orders).reserve({ broken: true });
  const target = 'Orders.reserve';
  for (const id of ['redriven', 'edited', 'discarded', 'batch'])
    await store.add(deadLetterRecord({ id, target, queue: 'orders', attempts: [{ number: 1, startedAt: 1, durationMs: 2 }] })); // prettier-ignore
});

afterAll(() => app.close());

type Method = 'get' | 'post' | 'patch';
type Media = Record<string, { schema: object } | undefined>;
type Described = Record<string, Record<string, { responses: Record<string, { content?: Media }> }>>;

const ajv = new Ajv({ strict: false, formats: { 'date-time': true } });
const checked = new Set<string>();

/** Sends a request and compares the answer with what the document says of its route. */
async function ask(method: Method, path: string, url = path, body?: object | string): Promise<Record<string, unknown>> {
  const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
  const sent = request(app.getHttpServer())[method](url).set('authorization', `Bearer ${TOKEN}`);
  const answer = await (body === undefined ? sent : sent.set('content-type', type).send(body));
  const media = answer.headers['content-type']?.split(';')[0] ?? '';
  const schema = (document.paths as Described)[path]?.[method]?.responses[answer.status]?.content?.[media]?.schema;
  expect([method, path, answer.status, media, schema]).toEqual([method, path, answer.status, media, expect.anything()]);
  const json = JSON.parse(answer.text) as Record<string, unknown>;
  const validate = ajv.compile(closed(schema!));
  expect([method, path, validate(json) ? [] : validate.errors]).toEqual([method, path, []]);
  checked.add(`${method} ${path} ${answer.status}`);
  return json;
}

/** An object whose fields are described has no others: a field that nobody described is a fault. */
function closed<T>(schema: T): T {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(closed) as T;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value as unknown)]));
  return ('properties' in inner && typeof inner['type'] === 'string' ? { additionalProperties: false, ...inner } : inner) as T; // prettier-ignore
}

describe('what OpenAPI says of answers', () => {
  it('holds for figures, circuits, policies, events and health', async () => {
    await ask('get', '/resilience/metrics');
    await ask('get', '/resilience/circuits');
    await ask('get', '/resilience/policies');
    await ask('get', '/resilience/events');
    await ask('get', '/resilience/events', '/resilience/events?limit=none');
    for (const act of ['open', 'close', 'disable', 'metrics-only', 'reset']) {
      const path = `/resilience/circuits/{name}/${act}`;
      await ask('post', path, path.replace('{name}', 'stock'));
    }
    await ask('post', '/resilience/circuits/{name}/open', '/resilience/circuits/stok/open');
    await ask('post', '/resilience/circuits/{name}/open', '/resilience/circuits/stock/open', { for: 'ever' });
    for (const probe of ['live', 'ready', 'startup']) await ask('get', `/health/${probe}`);
  });

  it('holds for dead letters', async () => {
    const { items } = await ask(
      'get',
      '/dead-letters',
      '/dead-letters?status=pending,poisoned&from=1970-01-01&limit=50',
    );
    await ask('get', '/dead-letters', '/dead-letters?limit=0');
    await ask('get', '/dead-letters/counts');
    const [placed] = (items as { id: string; target: string }[]).filter(({ target }) => target === 'Orders.place');
    for (const id of [placed!.id, NOWHERE]) await ask('get', '/dead-letters/{id}', `/dead-letters/${id}`);
    await ask('patch', '/dead-letters/{id}', '/dead-letters/edited', { args: [{}], argsMeta: null, note: 'mended' });
    await ask('patch', '/dead-letters/{id}', '/dead-letters/edited', { args: 1 });
    await ask('post', '/dead-letters/{id}/redrive', '/dead-letters/redriven/redrive');
    await ask('post', '/dead-letters/{id}/redrive', `/dead-letters/${placed!.id}/redrive`);
    await ask('post', '/dead-letters/{id}/discard', '/dead-letters/discarded/discard', { note: 'no' });
    await ask('post', '/dead-letters/{id}/discard', '/dead-letters/discarded/discard');
    await ask('post', '/dead-letters/redrive', '/dead-letters/redrive', { ratePerSecond: 1_000 });
    await ask('post', '/dead-letters/redrive', '/dead-letters/redrive', { limit: 0 });
    await ask('post', '/dead-letters/import', '/dead-letters/import', 'no entry\n');
    await ask('post', '/dead-letters/import', '/dead-letters/import', {});
    await ask('post', '/dead-letters/purge', '/dead-letters/purge', { filter: {} });
    await ask('post', '/dead-letters/purge', '/dead-letters/purge', {});
  });

  it('holds for workflows and their executions', async () => {
    const executions = '/workflows/{name}/executions';
    await ask('get', '/workflows');
    await ask('get', '/workflows/{name}', '/workflows/receipts');
    await ask('get', '/workflows/{name}', '/workflows/receits');
    const { id, nodes } = await ask('post', executions, '/workflows/receipts/executions?wait=30s', { url: 'x' });
    expect(JSON.stringify(nodes)).toMatch(/"providerLevel":1.*"heals":\[\{/);
    const failed = await ask('post', executions, '/workflows/hopeless/executions?wait=30s', {});
    const waiting = await ask('post', executions, '/workflows/endless/executions', {});
    await ask('post', executions, '/workflows/receipts/executions', { sku: 1 });
    await ask('get', '/executions', '/executions?limit=1');
    await ask('get', '/executions', '/executions?limit=0');
    for (const one of [id as string, NOWHERE]) await ask('get', '/executions/{id}', `/executions/${one}`);
    const items = '/executions/{id}/nodes/{node}/items';
    await ask('get', items, `/executions/${id as string}/nodes/lines/items?limit=1&cursor=0`);
    await ask('get', items, `/executions/${id as string}/nodes/lines/items?status=failed`);
    await ask('get', items, `/executions/${id as string}/nodes/lines/items?cursor=x`);
    await ask('get', items, `/executions/${id as string}/nodes/linse/items`);
    await ask('get', '/workflows/{name}/metrics', '/workflows/receipts/metrics');
    for (const one of [waiting['id'], id])
      await ask('post', '/executions/{id}/cancel', `/executions/${one as string}/cancel`);
    await ask('post', '/executions/{id}/resume', `/executions/${failed['id'] as string}/resume`);
    await ask('post', '/executions/{id}/cancel', `/executions/${failed['id'] as string}/cancel`);
    await ask('post', '/executions/{id}/retry', `/executions/${id as string}/retry`, { from: 'total' });
    await ask('post', '/executions/{id}/retry', `/executions/${id as string}/retry`, {});
  });

  it('was compared for every route that answers with JSON', () => {
    const good = Object.entries(document.paths as Described).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { responses }]) =>
        Object.keys(responses)
          .filter((status) => Number(status) < 300 && responses[status]?.content?.['application/json'])
          .map((status) => `${method} ${path} ${status}`),
      ),
    );

    expect(good.filter((route) => !checked.has(route))).toEqual([]);
  });
});
