import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { MemoryExecutionStore, workflow, WorkflowModule } from '../index.js';

const label = workflow('label')
  .node('label', {
    each: {
      items: 'input',
      partial: true,
      run: ({ index }) => {
        if (index! % 3 === 1) throw new Error(`no ${index}`);
        return { text: 'x'.repeat(600_000) };
      },
    },
    deadLetter: true,
  })
  .node('plain', { constant: 1 })
  .node('fails', { each: { items: 'input', run: () => Promise.reject(new Error('no')) }, fallback: ['backup'] })
  .node('backup', { each: { items: 'input', run: ({ index }) => `${index}`.repeat(200_000) } });

interface Page {
  readonly items: readonly { readonly index: number; readonly status: string; readonly step?: string }[];
  readonly nextCursor: string | null;
}

let app: INestApplication<App>;
let items: string;

beforeAll(async () => {
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      WorkflowModule.forRoot({ definitions: [label.build()], http: 'open', store: new MemoryExecutionStore() }),
    ],
  }).compile();
  app = module.createNestApplication<INestApplication<App>>({ logger: false });
  await app.init();
  const list = Array.from({ length: 20 }, (_, index) => index);
  const sent = request(app.getHttpServer()).post('/workflows/label/executions?wait=60s').send(list);
  const { status, output, id } = (await sent.expect(200)).body as { status: string; output: object; id: string };
  expect([status, output]).toEqual([
    'succeeded',
    {
      label: { total: 20, succeeded: 13, failed: 7, items: `/executions/${id}/nodes/label/items` },
      plain: 1,
      fails: { total: 20, succeeded: 20, failed: 0, items: `/executions/${id}/nodes/fails/items` },
    },
  ]);
  items = `/executions/${id}/nodes`;
});

afterAll(() => app.close());

const get = (path: string) => request(app.getHttpServer()).get(`${items}/${path}`);
const page = async (path: string): Promise<Page> => (await get(path).expect(200)).body as Page;

describe('the items of a node over HTTP', () => {
  it('come in the order of the list, in pages of 4 MiB that leave nothing out', async () => {
    const found: Page['items'][number][] = [];
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages++) {
      const next: Page = await page(`label/items?limit=500${cursor && `&cursor=${cursor}`}`);
      expect(Buffer.byteLength(JSON.stringify(next))).toBeLessThan(4_500_000);
      found.push(...next.items);
      cursor = next.nextCursor;
    }

    expect(pages).toBe(3);
    expect(found.map(({ index }) => index)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(found[1]).toEqual({
      ...{ index: 1, status: 'failed', item: 1, error: expect.objectContaining({ message: 'no 1' }) },
      ...{ deadLetterId: expect.any(String), fallbackLevel: 0, degraded: false, attemptCount: 1, retryCount: 0 },
      ...{ startedAt: expect.any(String), finishedAt: expect.any(String), durationMs: expect.any(Number) },
      attempts: [expect.objectContaining({ number: 1, outcome: 'failed', index: 1 })],
    });
  });

  it('are those of one status where that is asked for', async () => {
    const failed = await page('label/items?status=failed&limit=3');

    expect(failed.items.map(({ index }) => index)).toEqual([1, 4, 7]);
    expect(
      (await page(`label/items?status=failed&cursor=${failed.nextCursor}`)).items.map(({ index }) => index),
    ).toEqual([10, 13, 16, 19]);
  });

  it('are those of the fallback that made the result', async () => {
    expect((await page('fails/items?limit=1')).items).toEqual([expect.objectContaining({ index: 0, step: 'backup' })]);
  });

  it('are none of a node without a list', async () => {
    expect(await page('plain/items')).toEqual({ items: [], nextCursor: null });
  });

  it('are refused by name where there is no such node, execution or filter', async () => {
    expect((await get('lable/items').expect(404)).body).toMatchObject({
      code: 'RESILIENCE_NODE_NOT_FOUND',
      nearest: 'label',
    });
    const nowhere = '/executions/01970000-0000-7000-8000-000000000000/nodes/label/items';
    expect((await request(app.getHttpServer()).get(nowhere).expect(404)).body).toMatchObject({
      code: 'RESILIENCE_EXECUTION_NOT_FOUND',
    });
    expect((await get('label/items?stauts=failed&cursor=-1&limit=0&status=done').expect(400)).body).toMatchObject({
      errors: [
        { field: 'stauts', message: "is no filter (did you mean 'status'?); known: cursor, limit, status" },
        { field: 'status', message: 'must be one of succeeded, failed' },
        { field: 'cursor', message: "is '-1', expected the nextCursor of the page before" },
        { field: 'limit', message: 'must be a whole number from 1 to 500' },
      ],
    });
  });
});
