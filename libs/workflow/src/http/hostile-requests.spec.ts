import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import fc from 'fast-check';
import request from 'supertest';
import { MemoryExecutionStore, ProblemFilter, workflow, WorkflowModule } from '../index.js';

let app: NestExpressApplication;
let store: MemoryExecutionStore;
let ran = 0;

beforeAll(async () => {
  store = new MemoryExecutionStore();
  const strict = workflow('strict', {
    input: { type: 'object', additionalProperties: false, required: ['n'], properties: { n: { type: 'integer' } } },
  }).node('a', { run: () => ++ran });
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(), WorkflowModule.forRoot({ definitions: [strict], http: 'open', store })],
  })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  app = module.createNestApplication<NestExpressApplication>();
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  await app.listen(0, '127.0.0.1');
});

afterAll(() => app.close());

const http = () => request(app.getHttpServer());

/** Refused as a client's fault, in our words, and nothing came of it. */
async function refused(sent: request.Test): Promise<void> {
  const { status, headers, body } = await sent;
  expect([status, body]).toEqual([expect.any(Number), expect.objectContaining({ status, code: expect.any(String) })]);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(headers['content-type']).toMatch('application/problem+json');
  expect(JSON.stringify(body)).not.toMatch(/\bat .*\.(ts|js):\d+/);
  expect([ran, (await store.list({})).items.length]).toEqual([0, 0]);
}

describe('whatever is sent to the routes of workflows', () => {
  it.each([
    ['a deep nest', '['.repeat(50_000) + ']'.repeat(50_000)],
    ['a prototype', '{"__proto__": {"n": 1}, "n": 1}'],
    ['a constructor', '{"constructor": {"prototype": {"n": 1}}}'],
    ['a huge number', '{"n": 1e400}'],
    ['half of a text', '{"n": "\\ud800"}'],
    ['no JSON', '<xml/>'],
    ['a bare text', '"n"'],
    ['a megabyte', JSON.stringify({ n: 'x'.repeat(1_200_000) })],
  ])('%s as input is refused', async (_, body) => {
    await refused(http().post('/workflows/strict/executions').set('content-type', 'application/json').send(body));
  });

  it.each([
    ['/workflows/..%2f..%2fetc%2fpasswd'],
    ['/workflows/__proto__'],
    ['/workflows/constructor/metrics'],
    ['/workflows/%E0%A4%A'],
    ['/executions/%00'],
    ["/executions/' or 1=1 --"],
    ['/executions/__proto__/events'],
    ['/executions?limit=1e9&status=gone&cursor=../../x'],
    ['/executions?workflow[]=a&workflow[__proto__]=b'],
  ])('GET %s is refused', async (path) => {
    await refused(http().get(path));
  });

  it.each([
    ['idempotency-key', ' '],
    ['content-type', 'text/plain'],
    ['content-type', 'application/json; charset=latin-9'],
  ])('the header %s: %s is refused', async (name, value) => {
    await refused(http().post('/workflows/strict/executions').set(name, value).send('{"n": 1.5}'));
  });

  it('a body that cannot be read under a path that cannot be decoded is refused', async () => {
    await refused(http().post('/workflows/%zz/executions').set('content-type', 'application/json').send('['));
  });

  it('names and keys that are too long are refused', async () => {
    await refused(http().get(`/workflows/${'w'.repeat(5_000)}`));
    await refused(http().post('/workflows/strict/executions').set('idempotency-key', 'k'.repeat(256)).send({ n: 1 }));
  });

  it('any JSON but what the workflow takes is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (body) => {
        const value: unknown = JSON.parse(body);
        fc.pre(!(typeof value === 'object' && value !== null && Number.isInteger((value as { n?: unknown }).n)));
        await refused(http().post('/workflows/strict/executions').set('content-type', 'application/json').send(body));
      }),
      { numRuns: 50 },
    );
  });

  it('any name, id and query is answered in our words', async () => {
    const word = fc.string({ unit: 'binary', maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(word, word, word, async (name, id, value) => {
        // An empty one and dots make other paths.
        fc.pre(![name, id].some((text) => /^\.{0,2}$/.test(text)));
        const [w, e, q] = [name, id, value].map((text) => encodeURIComponent(text));
        await refused(http().get(`/workflows/${w}`));
        await refused(http().get(`/executions/${e}`));
        await refused(http().post(`/executions/${e}/retry`).send({ from: value }));
        await refused(http().get(`/executions?status=x${q}&cursor=${q}`));
      }),
      { numRuns: 15 },
    );
  });
});
