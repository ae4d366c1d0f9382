import type { Server } from 'node:http';
import { type INestApplication, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  CircuitBreaker,
  DeadLetter,
  type DeadLetterRecord,
  MemoryDeadLetterStore,
  Resilient,
  ResilienceModule,
  ResilienceService,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import request from 'supertest';

const TOKEN = 'the-operator-may-come-in';
let calls: unknown[][];

const called = (name: string, ...args: unknown[]): Promise<void> => {
  calls.push([name, ...args]);
  return Promise.resolve();
};

@Injectable()
class Desk {
  @Retry(2)
  @CircuitBreaker()
  @Timeout('1s')
  protectedOnly(ticket: string): Promise<void> {
    return called('protectedOnly', ticket);
  }

  @DeadLetter()
  decorated(ticket: string): Promise<void> {
    return called('decorated', ticket);
  }

  @Resilient('kept')
  byName(ticket: string): Promise<void> {
    return called('byName', ticket);
  }

  @Retry(1)
  overlaid(ticket: string): Promise<void> {
    return called('overlaid', ticket);
  }

  @DeadLetter()
  switchedOff(ticket: string): Promise<void> {
    return called('switchedOff', ticket);
  }

  @DeadLetter({
    serializeArgs: ([ticket]) => ({ ticket }),
    reviveArgs: (stored) => {
      const { ticket } = stored as { ticket: unknown };
      if (typeof ticket !== 'string') throw new Error('no ticket');
      return [ticket];
    },
  })
  ownForm(ticket: string): Promise<void> {
    return called('ownForm', ticket);
  }
}

@Injectable()
@DeadLetter('all')
class Archive {
  keep(mail: string): Promise<void> {
    return called('keep', mail);
  }
}

class Base {
  @DeadLetter()
  inherited(text: string): Promise<void> {
    return called('inherited', text);
  }
}

@Injectable()
class Derived extends Base {}

let app: INestApplication<Server>;
let store: MemoryDeadLetterStore;

beforeEach(async () => {
  calls = [];
  store = new MemoryDeadLetterStore();
  const testing = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({
        deadLetter: { store },
        policies: {
          kept: { deadLetter: true },
          function: { deadLetter: true },
          'Desk.overlaid': { deadLetter: 'from-configuration' },
          'Desk.switchedOff': { deadLetter: false },
        },
      }),
      AdminModule.forRoot({ token: TOKEN }),
    ],
    providers: [Desk, Archive, Derived],
  }).compile();
  app = testing.createNestApplication({ logger: false });
  await app.init();
});

afterEach(() => app.close());

async function send(method: 'get' | 'post' | 'patch', path: string, body: object = {}) {
  const answer = await request(app.getHttpServer())[method](path).set('authorization', `Bearer ${TOKEN}`).send(body);
  return { status: answer.status, body: answer.body as Record<string, unknown> };
}

async function given(target: string, args: DeadLetterRecord['args'] = { encoding: 'superjson', json: ['T-1'] }) {
  const record = deadLetterRecord({ target, args });
  await store.add(record);
  return record.id;
}

describe('a redrive', () => {
  it.each([
    'Desk.protectedOnly',
    'Desk.switchedOff',
    'Desk.constructor',
    'Desk.__proto__',
    'Desk.nobody',
    'Nobody.decorated',
    'ResilienceService.execute',
    'function',
  ])('does not call %s, which is not dead-lettered, and says what to do', async (target) => {
    const id = await given(target);

    const redrive = await send('post', `/dead-letters/${id}/redrive`);
    const edit = await send('patch', `/dead-letters/${id}`, { args: ['T-2'] });
    const batch = await send('post', '/dead-letters/redrive', {});

    for (const { status, body } of [redrive, edit]) {
      expect(status).toBe(409);
      expect(body['code']).toBe('RESILIENCE_DEAD_LETTER_TARGET_UNKNOWN');
      expect(body['detail']).toContain(target);
      expect(body['detail']).toMatch(/declare @DeadLetter on it, or discard/);
    }
    expect(batch.body).toMatchObject({ matched: 1, skipped: 1, resolved: 0, failed: 0 });
    expect(calls).toEqual([]);
    expect((await store.get(id))?.args.json).toEqual(['T-1']);
    expect((await send('post', `/dead-letters/${id}/discard`)).status).toBe(200);
  });

  it.each([
    ['Desk.decorated', 'decorated'],
    ['Desk.byName', 'byName'],
    ['Desk.overlaid', 'overlaid'],
    ['Archive.keep', 'keep'],
    ['Derived.inherited', 'inherited'],
  ])('calls %s, however that became dead-lettered', async (target, name) => {
    const { body } = await send('post', `/dead-letters/${await given(target)}/redrive`);

    expect(body).toMatchObject({ outcome: 'resolved' });
    expect(calls).toEqual([[name, 'T-1']]);
  });

  it('goes by what is configured at the time', async () => {
    const id = await given('Desk.overlaid');
    app.get(ResilienceService).reconfigure({ 'Desk.overlaid': { deadLetter: false } });
    expect((await send('post', `/dead-letters/${id}/redrive`)).status).toBe(409);

    app.get(ResilienceService).reconfigure({ 'Desk.overlaid': { deadLetter: true } });

    expect((await send('post', `/dead-letters/${id}/redrive`)).body).toMatchObject({ outcome: 'resolved' });
  });
});

describe('arguments in another form than that of their method', () => {
  it.each([
    ['Desk.ownForm', { encoding: 'superjson', json: [{ forged: true }] }, 'custom'],
    ['Desk.decorated', { encoding: 'custom', json: { ticket: 'T-1' } }, 'superjson'],
  ] as const)('do not reach %s until they are edited', async (target, args, form) => {
    const id = await given(target, args);

    const { status, body } = await send('post', `/dead-letters/${id}/redrive`);

    expect([status, body['code'], calls]).toEqual([409, 'RESILIENCE_DEAD_LETTER_NOT_REPLAYABLE', []]);
    expect(body['detail']).toContain(`'${args.encoding}', and ${target} keeps them as '${form}'`);
    expect((await send('post', '/dead-letters/redrive')).body).toMatchObject({ skipped: 1, failed: 0 });

    expect((await send('patch', `/dead-letters/${id}`, { args: ['T-9'], argsMeta: null })).status).toBe(200);

    expect((await store.get(id))?.args.encoding).toBe(form);
    expect((await send('post', `/dead-letters/${id}/redrive`)).body).toMatchObject({ outcome: 'resolved' });
    expect(calls).toEqual([[target.split('.')[1], 'T-9']]);
  });

  it('in its own form go through what the method does to revive them', async () => {
    const { body } = await send('post', `/dead-letters/${await given('Desk.ownForm', { encoding: 'custom', json: { ticket: 7 } })}/redrive`); // prettier-ignore

    expect(body).toMatchObject({ outcome: 'failed', error: { message: 'no ticket' } });
    expect(calls).toEqual([]);
  });
});
