/** Headers that scanners look for, and proxies and browsers obey: what only operators may see is nobody's to keep. */
import 'reflect-metadata';

import { afterEach, describe, expect, it } from '@jest/globals';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { workflow, WorkflowModule } from '@nest-resilience/workflow';

const TOKEN = 'a-token-for-the-test';
const RIGHT = { headers: { authorization: `Bearer ${TOKEN}` } };
const definitions = [workflow('w').node('a', { constant: 1 }).build()];

let app: NestExpressApplication;

afterEach(() => app.close());

async function listen(imports: object[], adapter: ExpressAdapter | FastifyAdapter): Promise<string> {
  const module = await Test.createTestingModule({ imports: imports as [] }).compile();
  app = module.createNestApplication(adapter as ExpressAdapter, { logger: false });
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

describe.each<[string, () => ExpressAdapter | FastifyAdapter]>([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('In an application of somebody on %s', (_, adapter) => {
  it.each<['admin' | 'open', string[]]>([
    ['admin', ['/dead-letters', '/dead-letters/counts', '/dead-letters/x', '/executions', '/executions/x', '/workflows', '/resilience/events']], // prettier-ignore
    ['open', ['/dead-letters', '/executions', '/executions/x', '/workflows/w']],
  ])('what shows arguments is not stored (%s)', async (access, paths) => {
    const url = await listen(
      [
        ResilienceModule.forRoot(),
        AdminModule.forRoot({ token: TOKEN }),
        WorkflowModule.forRoot({ definitions, ...(access === 'open' && { http: 'open' as const }) }),
      ],
      adapter(),
    );

    for (const path of paths) {
      for (const init of [RIGHT, {}]) {
        const response = await fetch(url + path, init);
        expect([path, response.headers.get('cache-control')]).toEqual([path, expect.stringMatching(/^no-store/)]);
      }
    }
  });
});
