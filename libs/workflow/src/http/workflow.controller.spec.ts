import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CanActivate, Injectable } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { DeadLetterService, Fallback, ResilienceModule, ResilienceService, Retry } from '@nest-resilience/core';
import request from 'supertest';
import {
  type LlmPort,
  MemoryExecutionStore,
  ProblemFilter,
  Step,
  type StepContext,
  Workflow,
  workflow,
  WorkflowModule,
  type WorkflowModuleExtras,
  type WorkflowModuleOptions,
  WorkflowService,
} from '../index.js';

@Injectable()
class MailParser {
  fails = 0;

  parse({ raw }: { raw: string }): { subject: string } {
    if (this.fails-- > 0) throw Object.assign(new Error('busy'), { status: 503 });
    return { subject: raw.split('\n')[0] ?? '' };
  }
}

@Injectable()
@Workflow('receipts', { input: { type: 'object', required: ['url'], properties: { url: { type: 'string' } } } })
class Receipts {
  attempts = 0;
  broken = false;

  @Step()
  @Retry({ maxRetries: 3, strategy: 'immediate' })
  fetch({ input }: StepContext<{ url: string }>): string {
    if (++this.attempts < 3) throw Object.assign(new Error('busy'), { status: 503 });
    return `body of ${input.url}`;
  }

  @Fallback('guess')
  @Step({ after: 'fetch' })
  extract(_context: StepContext): { total: number } {
    throw new Error('unreadable');
  }

  guess(_context: StepContext): { total: number } {
    return { total: 0 };
  }

  @Step({ after: 'extract' })
  book({ results, idempotencyKey }: StepContext): unknown {
    if (this.broken) throw new Error('books are closed');
    return { ...results, idempotencyKey };
  }
}

const TRIAGE = `
name: triage
input: { type: object, required: [raw], properties: { raw: { type: string } }, additionalProperties: false }
nodes:
  parse: { call: MailParser.parse, retry: { maxRetries: 2, strategy: immediate } }
  classify:
    after: parse
    llm: { prompt: 'Classify {{ parse.subject }}', schema: { type: object } }
  reply: { after: classify, when: 'classify.category != "spam"', call: shout, input: $.parse.subject }
output: { category: $.classify.category, reply: $.reply }
`;

const llm: LlmPort = {
  async complete({ messages }) {
    const category = messages[0]?.content.includes('win') ? 'spam' : 'ham';
    const usage = { inputTokens: 5, outputTokens: 2 };
    return {
      text: '',
      object: { category },
      provider: 'fake',
      fallbackLevel: 0,
      attempts: 1,
      usage,
      costUsd: 0.001,
      degraded: false,
      tries: [],
    };
  },
};

let directory: string;
let app: NestExpressApplication | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'workflows-'));
  writeFileSync(join(directory, 'triage.yaml'), TRIAGE);
});

afterEach(async () => {
  await app?.close();
  app = undefined;
  rmSync(directory, { recursive: true, force: true });
});

async function start(options: WorkflowModuleOptions & WorkflowModuleExtras = {}): Promise<NestExpressApplication> {
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      WorkflowModule.forRoot({
        directory,
        llm,
        handlers: { shout: (text: string) => text.toUpperCase() },
        store: new MemoryExecutionStore(),
        http: 'open',
        ...options,
      }),
    ],
    providers: [MailParser, Receipts],
  })
    .setLogger({ log() {}, warn() {}, error() {}, debug() {} })
    .compile();
  app = module.createNestApplication<NestExpressApplication>();
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  await app.init();
  return app;
}

const http = (application: NestExpressApplication) => request(application.getHttpServer());

describe('POST /workflows/:name/executions', () => {
  it('runs a workflow file and answers with the result when asked to wait', async () => {
    const server = http(await start());

    const answer = await server
      .post('/workflows/triage/executions?wait=30s')
      .send({ raw: 'lunch\nat noon' })
      .expect(200);

    expect(answer.headers['location']).toBe(`/executions/${answer.body.id}`);
    expect(answer.body).toMatchObject({
      workflow: 'triage',
      status: 'succeeded',
      input: { raw: 'lunch\nat noon' },
      output: { category: 'ham', reply: 'LUNCH' },
      totals: { nodes: 3, attempts: 3, inputTokens: 5, outputTokens: 2, costUsd: 0.001 },
      nodes: [{ node: 'parse' }, { node: 'classify', provider: 'fake' }, { node: 'reply' }],
    });
    expect(answer.body.createdAt).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(Object.keys(answer.body)).not.toEqual(expect.arrayContaining(['owner', 'inputHash']));
  });

  it('answers 202 with a Location at once, and the ledger is there', async () => {
    const server = http(await start());

    const accepted = await server.post('/workflows/triage/executions').send({ raw: 'win a car' }).expect(202);
    const ledger = await server.get(accepted.headers['location']!).expect(200);

    expect(ledger.body).toMatchObject({ id: accepted.body.id, workflow: 'triage' });
  });

  it('gives steps of a class all their policies, in either order of decorators', async () => {
    const application = await start();

    const { body } = await http(application)
      .post('/workflows/receipts/executions?wait=10s')
      .send({ url: 'http://x' })
      .expect(200);

    expect(body).toMatchObject({
      status: 'succeeded',
      output: { book: { fetch: 'body of http://x', extract: { total: 0 }, idempotencyKey: `${body.id}:book` } },
    });
    expect(application.get(Receipts).attempts).toBe(3);
    expect(body.nodes[0]).toMatchObject({
      node: 'fetch',
      attemptCount: 3,
      retryCount: 2,
      attempts: [
        { outcome: 'failed', actions: ['retried'], error: { message: 'busy' } },
        { outcome: 'failed' },
        { outcome: 'succeeded' },
      ],
    });
    expect(body.nodes[1]).toMatchObject({
      node: 'extract',
      degraded: true,
      attempts: [
        { outcome: 'failed', actions: ['fell_back'] },
        { outcome: 'succeeded', level: 1 },
      ],
    });
    expect(body).toMatchObject({ degraded: true, totals: { attempts: 6, retries: 2, fallbacks: 1 } });
  });

  it('leads one Idempotency-Key to one execution', async () => {
    const server = http(await start());
    const post = (raw: string) =>
      server.post('/workflows/triage/executions').set('Idempotency-Key', 'mail-1').send({ raw });

    const first = await post('a').expect(202);
    const second = await post('a').expect(202);

    expect(second.body.id).toBe(first.body.id);
    const conflict = await post('b').expect(422);
    expect(conflict.body).toMatchObject({ code: 'RESILIENCE_IDEMPOTENCY_CONFLICT', executionId: first.body.id });
  });

  it('refuses bad input naming every field', async () => {
    const { body, headers } = await http(await start())
      .post('/workflows/triage/executions')
      .send({ row: 1 })
      .expect(400);

    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(body).toEqual({
      type: 'urn:nest-resilience:problem:resilience-workflow-input',
      title: 'The input is not usable',
      status: 400,
      detail: "The input of 'triage' is not usable: raw is missing; row is not a known field",
      code: 'RESILIENCE_WORKFLOW_INPUT',
      errors: [
        { field: 'raw', message: 'is missing' },
        { field: 'row', message: 'is not a known field' },
      ],
    });
  });

  it('names the known workflows and the nearest one', async () => {
    const { body } = await http(await start())
      .post('/workflows/triag/executions')
      .send({})
      .expect(404);

    expect(body).toMatchObject({
      code: 'RESILIENCE_WORKFLOW_NOT_FOUND',
      known: ['receipts', 'triage'],
      nearest: 'triage',
    });
  });

  it('refuses with 429 and Retry-After when too much is waiting, and has lost nothing', async () => {
    let open!: () => void;
    const door = new Promise<void>((resolve) => (open = resolve));
    const slow = workflow('slow').node('wait', { run: () => door });
    const server = http(await start({ definitions: [slow], limits: { running: 1, queued: 1 } }));

    const first = await server.post('/workflows/slow/executions').send({}).expect(202);
    const second = await server.post('/workflows/slow/executions').send({}).expect(202);
    const refused = await server.post('/workflows/slow/executions').send({}).expect(429);

    expect(refused.headers['retry-after']).toBe('1');
    expect(refused.body).toMatchObject({ code: 'RESILIENCE_WORKFLOW_BUSY' });
    expect([first.body.status, second.body.status]).toEqual(['running', 'queued']);
    open();
    const service = app!.get(WorkflowService);
    expect((await service.wait(second.body.id)).status).toBe('succeeded');
  });

  it.each([
    ['a body that is too large', 413, 'application/json', JSON.stringify({ raw: 'x'.repeat(200_000) })],
    ['an input above its own limit', 400, 'application/json', JSON.stringify({ raw: 'x'.repeat(60_000) })],
    ['malformed JSON', 400, 'application/json', '{"raw": '],
    ['a form', 415, 'application/x-www-form-urlencoded', 'raw=1'],
    ['a list', 400, 'application/json', '[1]'],
    ['hostile keys', 400, 'application/json', '{"raw": "x", "__proto__": {"admin": true}, "constructor": 1}'],
    ['deep nesting', 400, 'application/json', `{"raw": ${'['.repeat(40_000)}${']'.repeat(40_000)}}`],
  ])('refuses %s', async (_, status, type, payload) => {
    const { body, headers } = await http(await start({ limits: { inputBytes: 50_000 } }))
      .post('/workflows/triage/executions')
      .set('Content-Type', type)
      .send(payload);

    expect([status, body.status]).toEqual([status, status]);
    expect(headers['content-type']).toMatch(/problem\+json/);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it('refuses a wait that is no time', async () => {
    const { body } = await http(await start())
      .post('/workflows/triage/executions?wait=30')
      .send({ raw: 'x' })
      .expect(400);

    expect(body.errors).toEqual([{ field: 'wait', message: "must be a time such as '30s'" }]);
  });
});

describe('/executions', () => {
  it('lists, filters and pages', async () => {
    const server = http(await start());
    const ids: string[] = [];
    for (const raw of ['a', 'b', 'c'])
      ids.unshift((await server.post('/workflows/triage/executions?wait=9s').send({ raw }).expect(200)).body.id);

    const first = await server.get('/executions?workflow=triage&status=succeeded&limit=2').expect(200);
    const second = await server.get(`/executions?limit=2&cursor=${first.body.nextCursor}`).expect(200);

    expect([...first.body.items, ...second.body.items].map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(first.body.items[0]).not.toHaveProperty('input');
    const { body } = await server.get('/executions?status=done&limit=0&cursor=%27%3B--').expect(400);
    expect(body.errors).toMatchObject([{ field: 'status' }, { field: 'cursor' }, { field: 'limit' }]);
    const misspelt = await server.get('/executions?status[$ne]=x&stauts=failed').expect(400);
    expect(misspelt.body.errors).toMatchObject([
      { field: 'status[$ne]' },
      { field: 'stauts', message: expect.stringContaining("did you mean 'status'?") },
    ]);
    expect((await server.get('/executions/none').expect(404)).body.code).toBe('RESILIENCE_EXECUTION_NOT_FOUND');
  });

  it('answers as it stands, or when it has ended, for a client that waits', async () => {
    let open: (value: string) => void = () => undefined;
    const door = new Promise<string>((resolve) => (open = resolve));
    const slow = workflow('slow').node('wait', { run: () => door });
    const server = http(await start({ definitions: [slow] }));
    const { body: submitted } = await server.post('/workflows/slow/executions').send({}).expect(202);
    const path = `/executions/${submitted.id}`;

    expect((await server.get(path).expect(200)).body.status).toBe('running');
    expect((await server.get(`${path}?wait=1ms`).expect(200)).body.status).toBe('running');
    const waiting = server.get(`${path}?wait=30s`).expect(200);
    // Sent only when somebody asks for its answer.
    const ended = waiting.then(({ body }): unknown => body);
    open('done');

    expect(await ended).toMatchObject({ status: 'succeeded', output: { wait: 'done' } });
    expect((await server.get(`${path}?wait=30s`).expect(200)).body.status).toBe('succeeded');
    const { body } = await server.get(`${path}?wait=30`).expect(400);
    expect(body.errors).toEqual([{ field: 'wait', message: "must be a time such as '30s'" }]);
    await server.get('/executions/none?wait=1s').expect(404);
  });

  it('keeps a failed run as a dead letter; redriving it goes on in the same execution', async () => {
    const application = await start();
    const server = http(application);
    application.get(Receipts).broken = true;

    const { body: failed } = await server
      .post('/workflows/receipts/executions?wait=9s')
      .send({ url: 'http://x' })
      .expect(200);

    expect(failed).toMatchObject({ status: 'failed', error: { message: 'books are closed', node: 'book' } });
    const deadLetters = application.get(DeadLetterService);
    const entry = await deadLetters.get(failed.deadLetterId);
    expect(entry).toMatchObject({
      queue: 'workflows',
      target: 'WorkflowRuns.run',
      args: ['receipts', failed.id],
      status: 'pending',
      error: { code: 'RESILIENCE_WORKFLOW_FAILED' },
    });

    expect(await deadLetters.redrive(failed.deadLetterId)).toMatchObject({ outcome: 'failed' });
    application.get(Receipts).broken = false;
    expect(await deadLetters.redrive(failed.deadLetterId)).toMatchObject({ outcome: 'resolved' });

    const { body: ledger } = await server.get(`/executions/${failed.id}`).expect(200);
    expect(ledger).toMatchObject({ status: 'succeeded', resumes: 2, deadLetterId: failed.deadLetterId });
    expect((await deadLetters.list()).items).toHaveLength(1);
    expect(application.get(Receipts).attempts).toBe(3);
  });

  it('resumes by hand, cancels, and says what is not possible', async () => {
    const application = await start({
      definitions: [workflow('hang').node('forever', { run: () => new Promise(() => undefined) })],
    });
    const server = http(application);
    application.get(Receipts).broken = true;
    const { body: failed } = await server.post('/workflows/receipts/executions?wait=9s').send({ url: 'u' }).expect(200);
    application.get(Receipts).broken = false;

    await server.post(`/executions/${failed.id}/resume`).expect(202).expect('Location', `/executions/${failed.id}`);
    expect((await application.get(WorkflowService).wait(failed.id)).status).toBe('succeeded');
    expect((await server.post(`/executions/${failed.id}/resume`).expect(409)).body).toMatchObject({
      code: 'RESILIENCE_EXECUTION_STATE',
      executionId: failed.id,
    });
    await server.post(`/executions/${failed.id}/cancel`).expect(409);

    const { body: hanging } = await server.post('/workflows/hang/executions?wait=1ms').send({}).expect(202);
    expect((await server.post(`/executions/${hanging.id}/cancel`).expect(200)).body.status).toBe('cancelled');
    expect((await server.post(`/executions/${hanging.id}/cancel`).expect(200)).body.status).toBe('cancelled');
  });
});

describe('/workflows', () => {
  it('lists them, shows the graph and counts', async () => {
    const server = http(await start());
    await server.post('/workflows/triage/executions?wait=9s').send({ raw: 'win' }).expect(200);

    const list = await server.get('/workflows').expect(200);
    const graph = await server.get('/workflows/triage').expect(200);
    const metrics = await server.get('/workflows/triage/metrics').expect(200);

    expect(list.body.items).toMatchObject([
      { name: 'receipts', nodes: 3, source: 'code' },
      { name: 'triage', nodes: 3, source: 'file' },
    ]);
    expect(graph.body).toMatchObject({
      order: ['parse', 'classify', 'reply'],
      nodes: [
        { name: 'parse', type: 'call', call: 'MailParser.parse', policies: { retry: { maxRetries: 2 } } },
        { name: 'classify', type: 'llm', after: ['parse'] },
        { name: 'reply', when: 'classify.category != "spam"' },
      ],
    });
    expect(metrics.body).toMatchObject({
      total: 1,
      successful: 1,
      successRate: 1,
      retryRate: 0,
      averageAttempts: 1,
      costUsd: 0.001,
    });
    await server.get('/workflows/none/metrics').expect(404);
  });

  it('is closed to whoever the guard does not know', async () => {
    const guard: CanActivate = { canActivate: () => false };

    const { body } = await http(await start({ http: { guards: [guard] } }))
      .get('/workflows')
      .expect(403);

    expect(body).toMatchObject({ status: 403, code: 'HTTP_403' });
  });

  it('is not there when HTTP is switched off', async () => {
    await http(await start({ http: false }))
      .get('/workflows')
      .expect(404);
  });
});

describe('booting', () => {
  it.each([
    [
      'a call of a method that is not there',
      'nodes: { a: { call: MailParser.prase } }',
      /bad\.yaml:2:15: bad > a: calls 'MailParser\.prase', but 'MailParser' has no method 'prase' \(did you mean 'parse'\?\)/,
    ],
    [
      'a call of an unknown class',
      'nodes: { a: { call: MailParsr.parse } }',
      /no provider of class 'MailParsr' is registered \(did you mean 'MailParser'\?\)/,
    ],
    ['an unknown handler', 'nodes: { a: { call: shoot } }', /no registered handler \(did you mean 'shout'\?\)/],
    [
      'a fallback workflow that is not there',
      'fallback: [receits]\nnodes: { a: { constant: 1 } }',
      /falls back to 'receits', which is no workflow \(did you mean 'receipts'\?\)/,
    ],
    [
      'a cycle',
      'nodes: { a: { after: b, constant: 1 }, b: { after: a, constant: 1 } }',
      /bad\.yaml:2:15: bad > \w: waits for itself: (a -> b -> a|b -> a -> b)/,
    ],
  ])('fails on %s, with file, line and column', async (_, text, message) => {
    writeFileSync(join(directory, 'bad.yaml'), `name: bad\n${text}\n`);

    await expect(start()).rejects.toThrow(message);
  });

  it('reports every file at once', async () => {
    writeFileSync(join(directory, 'one.yaml'), 'name: one\nnodes: {}\n');
    writeFileSync(join(directory, 'two.yaml'), 'name: triage\nnodes: { a: { constant: 1 } }\n');

    await expect(start({ directory: [directory, join(directory, 'nowhere')] })).rejects.toMatchObject({
      code: 'RESILIENCE_WORKFLOW_DEFINITION',
      problems: expect.arrayContaining([
        expect.objectContaining({ workflow: 'one', line: 2 }),
        expect.objectContaining({ workflow: 'triage', message: 'another workflow has the same name' }),
        expect.objectContaining({ message: expect.stringContaining('cannot read this directory') }),
      ]),
    });
  });

  it('needs a language model only for workflows that ask one', async () => {
    await expect(start({ llm: undefined as never })).rejects.toThrow(/triage > classify: needs a language model/);
  });

  it('refuses limits that cannot work, all at once', async () => {
    await expect(start({ limits: { running: 0, queued: -1, waits: 3 } as never })).rejects.toMatchObject({
      code: 'RESILIENCE_OPTIONS',
      problems: { length: 3 },
    });
  });

  it('lets node policies live in the application', async () => {
    const application = await start();
    application.get(MailParser).fails = 1;

    await http(application).post('/workflows/triage/executions?wait=9s').send({ raw: 'x' }).expect(200);

    expect(application.get(ResilienceService).metrics().methods['triage.parse']).toMatchObject({
      total: 1,
      successful: 1,
    });
  });
});
