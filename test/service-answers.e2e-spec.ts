/** Headers that scanners look for, and proxies and browsers obey: what only operators may see is nobody's to keep. */
import 'reflect-metadata';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from '@jest/globals';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { workflow, WorkflowModule } from '@nest-resilience/workflow';

import { AppModule } from '../src/app.module.js';
import { readConfiguration } from '../src/configuration/configuration.js';
import { configureService } from '../src/configure-service.js';

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

describe('The service', () => {
  it('says on every answer how it may be used, and not what it is made of', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headers-'));
    const settings = { DATA_DIR: directory, ADMIN_TOKEN: TOKEN, TRANSPORT: 'none' };
    const configuration = readConfiguration(settings);
    const module = await Test.createTestingModule({ imports: [AppModule.forRoot(configuration, settings)] }).compile();
    app = module.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: false });
    await configureService(app, configuration);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();

    const answers = await Promise.all(
      ['/health/live', '/nowhere', '/%ff', '/dead-letters', '/executions', '/openapi', '/openapi-json', '/metrics'].map(
        (path) => fetch(url + path, RIGHT),
      ),
    );
    const page = await (await fetch(`${url}/openapi`)).text();
    const policies = answers.map(({ headers }) => headers.get('content-security-policy') ?? '');

    for (const { headers } of answers) {
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-powered-by')).toBeNull();
    }
    expect(policies.every((policy) => policy.startsWith("default-src 'none'"))).toBe(true);
    expect(policies.filter((policy) => policy.includes('script-src'))).toEqual([policies[5]]);
    // Its policy allows no inline script and nothing of another origin.
    expect(page.match(/<script(?![^>]*\ssrc=)[^>]*>\s*\S/g)).toBeNull();
    expect(page.match(/(?:src|href)="(?:https?:)?\/\//g)).toBeNull();
    rmSync(directory, { recursive: true, force: true });
  });
});
