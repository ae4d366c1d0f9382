import type { Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  DeadLetterService,
  MemoryDeadLetterStore,
  ResilienceModule,
  ResilienceOptionsError,
} from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import { workflow, WorkflowInputError, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';
import request from 'supertest';

const TOKEN = 'the-operator-may-come-in';

let app: INestApplication<Server>;

beforeEach(async () => {
  const store = new MemoryDeadLetterStore();
  for (let n = 0; n < 3; n++) await store.add(deadLetterRecord());
  const testing = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({ deadLetter: { store } }),
      AdminModule.forRoot({ token: TOKEN }),
      WorkflowModule.forRoot({ definitions: [workflow('w').node('n', { constant: 1 }).build()] }),
    ],
  }).compile();
  app = testing.createNestApplication({ logger: false });
  await app.init();
  const workflows = app.get(WorkflowService);
  for (let n = 0; n < 3; n++) await workflows.wait((await workflows.start('w', { n })).id);
});

afterEach(() => app.close());

const get = (path: string, headers: Record<string, string> = {}) => request(app.getHttpServer()).get(path).set({ authorization: `Bearer ${TOKEN}`, ...headers }); // prettier-ignore

const NONSENSE = [
  'anything',
  "x' or 1=1--",
  'zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz',
  '------------------------------------',
  '0',
  'null',
  'undefined',
  '~',
  '../../etc/passwd',
  'é',
  'x'.repeat(5_000),
];

describe('a cursor that is none', () => {
  it.each(NONSENSE)('%.40s is refused by routes, with what it is and what to do', async (cursor) => {
    for (const list of ['dead-letters', 'executions']) {
      const { status, body } = await get(`/${list}?cursor=${encodeURIComponent(cursor)}`);

      expect([list, status]).toEqual([list, 400]);
      expect(body.errors).toEqual([expect.objectContaining({ field: 'cursor' })]);
      expect(body.detail).toContain('nextCursor');
      expect(body.detail).toContain(cursor.length < 100 ? cursor : 'xxx');
      expect(body.detail).toContain('leave it out for the first page');
    }
  });

  it.each(NONSENSE)('%.40s is refused by the services', async (cursor) => {
    await expect(app.get(WorkflowService).list({ cursor })).rejects.toBeInstanceOf(WorkflowInputError);
    await expect(app.get(DeadLetterService).list({ cursor })).rejects.toBeInstanceOf(ResilienceOptionsError);
  });

  it('given twice, or as an object, is refused', async () => {
    for (const list of ['dead-letters', 'executions'])
      for (const query of ['cursor=a&cursor=b', 'cursor[gt]=', 'cursor[]=a'])
        expect([list, query, (await get(`/${list}?${query}`)).status]).toEqual([list, query, 400]);
  });

  it.each(['x', '-1', '1e3', 'Infinity', '0x10'])('is refused as Last-Event-ID %j of the events', async (id) => {
    const { status, body } = await get('/resilience/events?follow=true', { 'last-event-id': id });

    expect(status).toBe(400);
    expect(body.detail).toMatch(/Last-Event-ID: got .*expected the id of an event/);
  });
});

describe('a cursor that is one', () => {
  it('leads through all of a list, and from one that is gone to what comes after it', async () => {
    for (const list of ['dead-letters', 'executions']) {
      const ids: string[] = [];
      for (let cursor: string | null | undefined = ''; cursor !== null && cursor !== undefined;) {
        const { body } = await get(`/${list}?limit=1${cursor && `&cursor=${cursor}`}`).expect(200);
        ids.push(body.items[0].id as string);
        cursor = body.nextCursor as string | null | undefined;
      }
      expect(new Set(ids).size).toBe(3);
      const { body } = await get(`/${list}?cursor=ffffffff-ffff-7fff-bfff-ffffffffffff`).expect(200);
      expect(body.items).toHaveLength(3);
    }
  });
});
