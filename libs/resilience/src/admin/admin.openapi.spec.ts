import 'reflect-metadata';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CanActivate, type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import type { App } from 'supertest/types.js';
import { HealthModule } from '../health/index.js';
import { ResilienceModule } from '../index.js';
import { MetricsModule } from '../metrics/index.js';
import { AdminModule, type AdminModuleOptions } from './index.js';

const TOKEN = 'a-token-for-tests-only';

@Injectable()
class AllowAll implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
}

/** Every route, with what it may be asked, what it answers with, and whether it wants a token. */
const ROUTES: readonly (readonly [route: string, query: string, statuses: string, guarded: boolean])[] = [
  ['GET /resilience/metrics', '', '200', false],
  ['GET /resilience/circuits', '', '200', false],
  ['GET /resilience/policies', '', '200', false],
  ['GET /resilience/events', 'name type limit follow', '200 400 401', true],
  ['POST /resilience/circuits/{name}/open', '', '200 400 401 404', true],
  ['POST /resilience/circuits/{name}/close', '', '200 401 404', true],
  ['POST /resilience/circuits/{name}/disable', '', '200 401 404', true],
  ['POST /resilience/circuits/{name}/metrics-only', '', '200 401 404', true],
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
  ['GET /health/ready', 'exclude', '200 503', false],
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
});
