import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import request from 'supertest';
import { workflow, WorkflowModule, type WorkflowModuleExtras } from '../index.js';

const TOKEN = 'a-token-for-the-tests';

let app: INestApplication | undefined;
let lines: string[];

afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function boot({ http, token }: Pick<WorkflowModuleExtras, 'http'> & { token?: string } = {}) {
  lines = [];
  const take = (line: unknown): void => void lines.push(String(line));
  const definitions = [workflow('echo').node('say', { transform: '$.input' })];
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      WorkflowModule.forRoot({ definitions, ...(http !== undefined && { http }) }),
      ...(token === undefined ? [] : [AdminModule.forRoot({ token, events: false })]),
    ],
  })
    .setLogger({ log: take, warn: take, error: take })
    .compile();
  app = await module.createNestApplication().init();
  return app;
}

const ROUTES = [
  ['get', '/workflows'],
  ['get', '/workflows/echo'],
  ['get', '/workflows/echo/metrics'],
  ['post', '/workflows/echo/executions'],
  ['get', '/executions'],
  ['get', '/executions/some'],
  ['get', '/executions/some/events'],
  ['post', '/executions/some/cancel'],
  ['post', '/executions/some/resume'],
  ['post', '/executions/some/retry'],
] as const;

describe('the routes of workflows', () => {
  it.each(ROUTES)('%s %s is closed until the application opens it', async (method, path) => {
    const server = request((await boot()).getHttpServer());

    const { body, headers } = await server[method](path).expect(403);

    expect(headers['content-type']).toMatch('application/problem+json');
    expect(body).toMatchObject({ code: 'RESILIENCE_ADMIN_CLOSED', detail: expect.stringContaining('AdminModule') });
  });

  it('open to the token of AdminModule, which lists them at boot', async () => {
    const server = request((await boot({ token: TOKEN })).getHttpServer());

    const refused = await server.get('/workflows').expect(401);
    const { body } = await server.get('/workflows').set('authorization', `Bearer ${TOKEN}`).expect(200);

    expect(refused.headers['www-authenticate']).toBe('Bearer realm="resilience"');
    expect(refused.body.code).toBe('RESILIENCE_ADMIN_UNAUTHORIZED');
    expect(body.items).toMatchObject([{ name: 'echo' }]);
    const listed = lines.find((line) => line.startsWith('Open to whoever has the token'));
    expect(listed).toContain('POST /workflows/:name/executions');
    expect(listed).toContain('GET /executions/:id/events');
  });

  it('open to everybody only when told so, with a warning at boot', async () => {
    const server = request((await boot({ http: 'open' })).getHttpServer());

    await server.get('/workflows').expect(200);

    expect(lines).toContain(
      "Open to everybody who reaches the port: /workflows and /executions (WorkflowModule, http: 'open')",
    );
  });

  it('take a list without guards for no opening', async () => {
    await request((await boot({ http: { guards: [] } })).getHttpServer())
      .get('/workflows')
      .expect(403);
  });

  it('are described for OpenAPI, with what the guard wants', async () => {
    const application = await boot({ token: TOKEN });

    const { paths } = SwaggerModule.createDocument(application, new DocumentBuilder().addBearerAuth().build());

    const described = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item)
        .filter((method) => method === 'get' || method === 'post')
        .map((method) => `${method} ${path.replace('{name}', 'echo').replace('{id}', 'some')}`),
    );
    for (const [method, path] of ROUTES) expect(described).toContain(`${method} ${path}`);
    const start = paths['/workflows/{name}/executions']?.post;
    expect(start).toMatchObject({ operationId: 'workflows_start', security: [{ bearer: [] }] });
    expect(Object.keys(start?.responses ?? {}).sort()).toEqual(
      ['200', '202', '400', '401', '404', '422', '429', '503'].sort(),
    );
    expect(paths['/executions/{id}/events']?.get?.responses).toMatchObject({
      200: { content: { 'text/event-stream': {} } },
    });
  });
});
