import 'reflect-metadata';

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import request from 'supertest';

import { AppModule } from '../src/app.module.js';
import { readConfiguration } from '../src/configuration/configuration.js';
import { configureService } from '../src/configure-service.js';

const TOKEN = 'a-token-for-the-tests';

let directory: string;
let app: NestExpressApplication;

async function boot(env: Record<string, string> = {}): Promise<NestExpressApplication> {
  const settings = { DATA_DIR: directory, ADMIN_TOKEN: TOKEN, TRANSPORT: 'none', ...env };
  const configuration = readConfiguration(settings);
  const module = await Test.createTestingModule({ imports: [AppModule.forRoot(configuration, settings)] }).compile();
  const service = module.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: false });
  await configureService(service, configuration);
  return service.init();
}

const http = () => request(app.getHttpServer());
const admin = { authorization: `Bearer ${TOKEN}` };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nest-resilience-service-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

describe('The service without any configuration but a directory', () => {
  beforeAll(async () => {
    app = await boot();
  });

  afterAll(() => app.close());

  it('triages a real mail with no model but offline, and says so', async () => {
    const raw = await readFile('examples/inbox/easy-ham-1-00055.eml', 'utf8');

    const { body } = await http()
      .post('/workflows/inbox-triage/executions?wait=30s')
      .set(admin)
      .set('idempotency-key', 'mail-55')
      .send({ raw })
      .expect(200);

    expect(body).toMatchObject({
      status: 'succeeded',
      degraded: true,
      output: { subject: 'people we know on the web' },
    });
    const ledger = await http().get(`/executions/${body.id}`).set(admin).expect(200);
    expect(ledger.body.nodes.map((node: { node: string }) => node.node).sort()).toEqual([
      'archive',
      'classify',
      'draft',
      'file',
      'parse',
      'summarise',
    ]);
  });

  it('says on every answer how it may be used, and not what it is made of', async () => {
    const paths = ['/health/live', '/nowhere', '/%ff', '/dead-letters', '/executions', '/openapi', '/openapi-json'];

    const answers = [];
    for (const path of paths) answers.push(await http().get(path).set(admin));
    const policies = answers.map(({ headers }) => String(headers['content-security-policy']));
    const page = answers[5]!.text;

    for (const { headers } of answers) {
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers).not.toHaveProperty('x-powered-by');
    }
    expect(policies.every((policy) => policy.startsWith("default-src 'none'"))).toBe(true);
    expect(policies.filter((policy) => policy.includes('script-src'))).toEqual([policies[5]]);
    // Its policy allows no inline script and nothing of another origin.
    expect(page).toContain('<script');
    expect(page.match(/<script(?![^>]*\ssrc=)[^>]*>\s*\S/g)).toBeNull();
    expect(page.match(/(?:src|href)="(?:https?:)?\/\//g)).toBeNull();
  });

  it('reads a body as large as its settings say, and not a byte more', async () => {
    const send = (bytes: number) => {
      const [before, after] = ['{"raw":"Subject: hello\\r\\n\\r\\n', '"}'];
      const body = before + 'x'.repeat(bytes - before.length - after.length) + after;
      return http()
        .post('/workflows/inbox-triage/executions')
        .set(admin)
        .set('content-type', 'application/json')
        .send(body);
    };

    // The workflow reads it, and takes no mail that long.
    const taken = await send(1_048_576).expect(400);
    const refused = await send(1_048_577).expect(413);

    expect(taken.body).toMatchObject({ code: 'RESILIENCE_WORKFLOW_INPUT' });
    expect(refused.body).toMatchObject({ code: 'RESILIENCE_BODY_TOO_LARGE' });
  });

  it('answers the same execution for the same idempotency key', async () => {
    const raw = await readFile('examples/inbox/easy-ham-1-00055.eml', 'utf8');

    const [first, second] = await Promise.all(
      [1, 2].map(() =>
        http()
          .post('/workflows/inbox-triage/executions')
          .set(admin)
          .set('idempotency-key', 'twice')
          .send({ raw })
          .expect(202),
      ),
    );

    expect(first?.body.id).toBe(second?.body.id);
    expect(first?.headers.location).toBe(`/executions/${first?.body.id}`);
    await http()
      .post('/workflows/inbox-triage/executions?wait=30s')
      .set(admin)
      .set('idempotency-key', 'twice')
      .send({ raw })
      .expect(200);
  });

  it('tells liveness, readiness and startup apart', async () => {
    await http().get('/health/live').expect(200);
    const ready = await http().get('/health/ready').expect(200);
    await http().get('/health/startup').expect(200);

    expect(Object.keys(ready.body.details).sort()).toEqual([
      'chaos',
      'circuits',
      'dead-letters',
      'event-loop',
      'llm',
      'store',
    ]);
  });

  it('publishes metrics and circuits', async () => {
    const metrics = await http().get('/metrics').expect(200);
    const json = await http().get('/resilience/metrics').expect(200);
    const circuits = await http().get('/resilience/circuits').expect(200);

    expect(metrics.text).toContain('resilience_calls_total{method="MailArchive.store"');
    expect(json.body.methods['MailArchive.store']).toMatchObject({ successRate: 1 });
    expect(circuits.body.map((circuit: { name: string }) => circuit.name)).toContain('triage-desk');
  });

  it('closes what shows arguments or changes something until the token is given', async () => {
    await http().get('/dead-letters').expect(401);
    await http().get('/workflows').expect(401);
    await http().post('/workflows/inbox-triage/executions').send({ raw: 'x' }).expect(401);
    await http().get('/executions').expect(401);
    await http().get('/dead-letters').set(admin).expect(200);
    await http().post('/resilience/circuits/triage-desk/open').expect(401);
    await http().post('/resilience/circuits/triage-desk/open').set(admin).expect(200);
    await http().post('/resilience/circuits/triage-desk/reset').set(admin).expect(200);
  });

  describe('given bad input, answers problem+json that names the thing, the value and the way out', () => {
    it('an unknown workflow', async () => {
      const { body } = await http().post('/workflows/inbox-triag/executions').set(admin).send({}).expect(404);

      expect(body).toMatchObject({
        code: 'RESILIENCE_WORKFLOW_NOT_FOUND',
        known: ['document-analysis', 'inbox-triage', 'multi-region-fetch', 'receipt-extraction'],
        nearest: 'inbox-triage',
      });
    });

    it('a wrong and a missing field', async () => {
      const { body, headers } = await http()
        .post('/workflows/inbox-triage/executions')
        .set(admin)
        .send({ raww: 1 })
        .expect(400);

      expect(headers['content-type']).toMatch('application/problem+json');
      expect(body.errors.map((error: { field: string }) => error.field).sort()).toEqual(['raw', 'raww']);
    });

    it('malformed JSON and an oversized body', async () => {
      const post = () =>
        http().post('/workflows/inbox-triage/executions').set(admin).set('content-type', 'application/json');

      const malformed = await post().send('{"raw":').expect(400);
      const oversized = await post()
        .send(JSON.stringify({ raw: 'a'.repeat(1_100_000) }))
        .expect(413);

      expect(malformed.headers['content-type']).toMatch('application/problem+json');
      expect(oversized.headers['content-type']).toMatch('application/problem+json');
    });

    it('an unknown execution, circuit and dead letter', async () => {
      await http().get('/executions/nobody').set(admin).expect(404);
      const circuit = await http().post('/resilience/circuits/triage-dsk/open').set(admin).expect(404);
      await http().get('/dead-letters/nobody').set(admin).expect(404);

      expect(circuit.body.detail).toContain("'triage-desk'");
    });
  });
});

describe('The service does not start', () => {
  let workflows: string;

  afterEach(() => rm(workflows, { recursive: true, force: true }));

  async function bootWith(file: string): Promise<unknown> {
    workflows = await mkdtemp(join(tmpdir(), 'nest-resilience-workflows-'));
    await mkdir(workflows, { recursive: true });
    await writeFile(join(workflows, 'broken.yaml'), file);
    return boot({ WORKFLOWS_DIR: workflows }).catch((error: unknown) => error);
  }

  it('with malformed YAML: file, line and column', async () => {
    const error = await bootWith('name: broken\nnodes:\n  a: { call: [unclosed\n');

    expect(String(error)).toMatch(/broken\.yaml:\d+:\d+/);
  });

  it('with a cyclic graph: the circle is named', async () => {
    const error = await bootWith(
      [
        'name: circle',
        'nodes:',
        '  a: { after: c, constant: 1 }',
        '  b: { after: a, constant: 1 }',
        '  c: { after: b, constant: 1 }',
      ].join('\n'),
    );

    expect(String(error)).toMatch(/a -> b -> c -> a|a -> c -> b -> a|b -> c -> a -> b|c -> a -> b -> c/);
  });

  it('with a wrong option: path, value and suggestion', async () => {
    const error = await bootWith('name: wrong\nnodes:\n  a:\n    constant: 1\n    retry: { maxRetrys: 2 }\n');

    expect(String(error)).toMatch(/maxRetrys/);
    expect(String(error)).toMatch(/maxRetries/);
  });

  it('with settings that cannot work: all of them at once', () => {
    expect(() => readConfiguration({ PORT: 'high', ADMIN_TOKEN: 'short', LLM_TIMEOUT: 'soon' })).toThrow(
      /PORT.*ADMIN_TOKEN.*LLM_TIMEOUT/s,
    );
  });
});
