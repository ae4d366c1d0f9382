import 'reflect-metadata';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CanActivate, type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { HealthModule } from '../health/index.js';
import { CircuitBreaker, DeadLetter, ResilienceModule, Retry } from '../index.js';
import { MetricsModule } from '../metrics/index.js';
import { AdminModule, type AdminModuleOptions } from './index.js';

const TOKEN = 'a-token-for-tests-only';

@Injectable()
class AllowAll implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Injectable()
class Orders {
  @Retry({ maxRetries: 1, strategy: 'immediate' })
  @CircuitBreaker({ name: 'stock' })
  @DeadLetter('orders')
  async place(_order: object): Promise<string> {
    return Promise.reject(new Error('down'));
  }
}

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: Described }>> }>>;
}

interface Described {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly required?: readonly string[];
  readonly items?: Described;
  readonly additionalProperties?: Described | boolean;
}

/** Every route, with what it may be asked, what it answers with, and whether it wants a token. */
const ROUTES: readonly (readonly [route: string, query: string, statuses: string, guarded: boolean])[] = [
  ['GET /resilience/metrics', '', '200', false],
  ['GET /resilience/circuits', '', '200', false],
  ['GET /resilience/policies', '', '200', false],
  ['GET /resilience/events', 'name type limit follow', '200 400 401', true],
  ['POST /resilience/circuits/{name}/open', '', '200 401 404', true],
  ['POST /resilience/circuits/{name}/close', '', '200 401 404', true],
  ['POST /resilience/circuits/{name}/disable', '', '200 401 404', true],
  ['POST /resilience/circuits/{name}/reset', '', '200 401 404', true],
  ['GET /dead-letters', 'queue status target errorName from to text limit cursor order', '200 400 401', true],
  ['GET /dead-letters/counts', 'queue status target errorName from to text', '200 400 401', true],
  ['GET /dead-letters/export', 'queue status target errorName from to text', '200 400 401', true],
  ['GET /dead-letters/{id}', '', '200 401 404', true],
  ['PATCH /dead-letters/{id}', '', '200 400 401 404 409', true],
  ['POST /dead-letters/redrive', '', '200 400 401', true],
  ['POST /dead-letters/import', '', '200 401 415', true],
  ['POST /dead-letters/purge', '', '200 400 401', true],
  ['POST /dead-letters/{id}/redrive', '', '200 401 404 409 503', true],
  ['POST /dead-letters/{id}/discard', '', '200 400 401 404 409', true],
  ['GET /health/live', '', '200', false],
  ['GET /health/ready', '', '200 503', false],
  ['GET /health/startup', '', '200 503', false],
  ['GET /metrics', '', '200', false],
];

async function start(options: AdminModuleOptions): Promise<{ app: INestApplication<App>; document: OpenAPIObject }> {
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      AdminModule.forRoot(options),
      HealthModule.forRoot(),
      MetricsModule.forRoot(),
    ],
    providers: [Orders],
  }).compile();
  const app = module.createNestApplication<INestApplication<App>>({ logger: false });
  const document = SwaggerModule.createDocument(app, new DocumentBuilder().addBearerAuth().build());
  return { app: await app.init(), document };
}

describe('OpenAPI', () => {
  let app: INestApplication<App>;
  let document: OpenAPIObject;

  beforeAll(async () => {
    ({ app, document } = await start({ token: TOKEN }));
  });

  afterAll(async () => {
    await app.close();
  });

  const operation = (document: OpenAPIObject, route: string): Operation => {
    const [method = '', path = ''] = route.split(' ');
    const found = (document.paths[path] as Record<string, Operation> | undefined)?.[method.toLowerCase()];
    if (found === undefined) throw new Error(`${route} is not in the document`);
    return found;
  };
  const routesOf = (document: OpenAPIObject): string[] =>
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );

  it('knows every route and no other', () => {
    expect(routesOf(document).sort()).toEqual(ROUTES.map(([route]) => route).sort());
  });

  it.each(ROUTES)('%s', (route, query, statuses, guarded) => {
    const { summary, parameters = [], responses, security } = operation(document, route);

    expect(summary).toMatch(/\w/);
    expect(parameters.filter((one) => one.in === 'query').map(({ name }) => name)).toEqual(
      query.split(' ').filter(Boolean),
    );
    expect(parameters.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`)).toEqual(
      route.match(/\{\w+\}/g) ?? [],
    );
    expect(Object.keys(responses).join(' ')).toBe(statuses);
    for (const [status, { content = {} }] of Object.entries(responses)) {
      expect([status, Object.values(content)]).toEqual([
        status,
        [{ schema: expect.objectContaining({ type: expect.any(String) }) }],
      ]);
      if (Number(status) >= 400 && status !== '503') expect(Object.keys(content)).toEqual(['application/problem+json']);
    }
    expect(security).toEqual(guarded ? [{ bearer: [] }] : undefined);
  });

  it.each<[string, AdminModuleOptions]>([
    ['nobody may', {}],
    ['a guard of the application decides', { guard: AllowAll }],
  ])('asks for no token where %s, although another application of this process does so', async (_, options) => {
    const other = await start(options);
    await other.app.close();

    const { security, responses } = operation(other.document, 'GET /dead-letters');

    expect(security).toBeUndefined();
    expect(Object.keys(responses)).toEqual(['200', '400', '403']);
  });

  it('names each operation once', () => {
    const ids = Object.values(document.paths).flatMap((item) =>
      Object.values(item as Record<string, { operationId: string }>).map(({ operationId }) => operationId),
    );

    expect(new Set(ids).size).toBe(ROUTES.length);
  });

  it.each([
    '/resilience/metrics',
    '/resilience/circuits',
    '/resilience/policies',
    '/resilience/events',
    '/dead-letters',
    '/dead-letters/counts',
    '/health/ready',
  ])('describes what %s really answers', async (path) => {
    await app
      .get(Orders)
      .place({ sku: 'nail' })
      .catch(() => undefined);

    const { body, status } = await request(app.getHttpServer()).get(path).set('Authorization', `Bearer ${TOKEN}`);

    const schema = operation(document, `GET ${path}`).responses[status]?.content?.['application/json']?.schema;
    expect(schema).toBeDefined();
    expect(mismatches(body, schema ?? {}, 'body')).toEqual([]);
  });
});

/** Where a value is not as described: wrong type, a field that must be there and is not, or one that nobody described. */
function mismatches(
  value: unknown,
  { type, properties, required = [], items, additionalProperties }: Described,
  path: string,
): string[] {
  if (value === null || type === undefined) return [];
  const found = Array.isArray(value) ? 'array' : typeof value;
  if (found !== (type === 'integer' ? 'number' : type)) return [`${path} is ${found}, not ${type}`];
  if (Array.isArray(value)) return value.flatMap((item, index) => mismatches(item, items ?? {}, `${path}[${index}]`));
  if (typeof value !== 'object') return [];
  const fields = value as Record<string, unknown>;
  const missing = required.filter((name) => !(name in fields)).map((name) => `${path}.${name} is missing`);
  return missing.concat(
    Object.entries(fields).flatMap(([name, field]) => {
      const schema = properties?.[name] ?? additionalProperties;
      if (schema === undefined) return [`${path}.${name} is not described`];
      return typeof schema === 'boolean' ? [] : mismatches(field, schema, `${path}.${name}`);
    }),
  );
}
