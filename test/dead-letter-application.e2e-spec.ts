import type { Server } from 'node:http';
import { type INestApplication, Injectable } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CircuitBreaker,
  DeadLetter,
  DeadLetterService,
  type DeadLetterModuleOptions,
  MemoryDeadLetterStore,
  ResilienceModule,
  ResilienceService,
} from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { deadLetterRecord, FakeClock } from '@nest-resilience/core/testing';
import { context, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import request from 'supertest';

const TOKEN = 'the-operator-may-come-in';

let app: INestApplication<Server> | undefined;

@Injectable()
class Bank {
  down = true;
  paid: string[] = [];

  @CircuitBreaker({ name: 'bank', key: (tenant: string) => tenant })
  @DeadLetter()
  async pay(tenant: string): Promise<void> {
    if (this.down) throw new Error('the bank is closed');
    this.paid.push(tenant);
  }
}

async function given(clock: FakeClock, deadLetter: DeadLetterModuleOptions = {}, adapter?: FastifyAdapter) {
  const testing = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({ clock, deadLetter: { store: new MemoryDeadLetterStore(), ...deadLetter } }),
      AdminModule.forRoot({ token: TOKEN }),
    ],
    providers: [Bank],
  }).compile();
  app = adapter
    ? testing.createNestApplication<NestFastifyApplication>(adapter, { logger: false })
    : testing.createNestApplication({ logger: false });
  await app.init();
  return { bank: app.get(Bank), service: app.get(DeadLetterService), circuits: app.get(ResilienceService) };
}

afterEach(async () => {
  await app?.close();
  app = undefined;
});

describe('an automatic redrive', () => {
  it('waits for the circuit of the very key that its entry needs, and ends with the application', async () => {
    const clock = new FakeClock();
    const { bank, service, circuits } = await given(clock, { autoRedrive: { interval: '1m', baseDelay: '1m' } });
    for (const tenant of ['a', 'b']) await bank.pay(tenant).catch(() => undefined);
    circuits.circuit('bank[a]').open();
    bank.down = false;

    await clock.advance('2m');
    const whileOpen = [...bank.paid];
    circuits.circuit('bank[a]').close();
    await clock.advance('2m');

    expect([whileOpen, bank.paid]).toEqual([['b'], ['b', 'a']]);
    expect(await service.count({ status: 'resolved' })).toMatchObject([{ count: 2 }]);
    await app?.close();
    expect(clock.pending).toBe(0);
  });
});

describe('a call that failed elsewhere', () => {
  it('becomes an entry of the method that it should have been a call of', async () => {
    const { bank, service } = await given(new FakeClock());

    const id = await service.add({ target: 'Bank.pay', args: ['a'], error: new TypeError('the worker fell over') });

    expect(await service.get(id!)).toMatchObject({
      ...{ target: 'Bank.pay', args: ['a'], status: 'pending', replayable: true },
      error: { name: 'TypeError', message: 'the worker fell over' },
    });
    bank.down = false;
    expect(await service.redrive(id!)).toMatchObject({ outcome: 'resolved' });
    expect(bank.paid).toEqual(['a']);
  });

  it('is refused for what is no method that keeps dead letters', async () => {
    const { service } = await given(new FakeClock());

    await expect(service.add({ target: 'Bank.pey', args: [], error: 1 })).rejects.toThrow(
      "No provider of this application has a method 'Bank.pey' with @DeadLetter (did you mean 'Bank.pay'?); known: Bank.pay",
    );
  });
});

describe('the trace of a call that failed', () => {
  it('is in its entry, without any module for telemetry', async () => {
    const { bank, service } = await given(new FakeClock());
    const spans = {
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      traceFlags: TraceFlags.SAMPLED,
    };
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

    await context.with(trace.setSpanContext(context.active(), spans), () => bank.pay('a').catch(() => undefined));
    context.disable();

    const [entry] = (await service.list()).items;
    expect(entry?.traceparent).toBe('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
  });
});

describe('an import over Fastify', () => {
  it('is read as it comes, like over Express', async () => {
    const { service } = await given(new FakeClock(), {}, new FastifyAdapter());
    await (app as unknown as NestFastifyApplication).getHttpAdapter().getInstance().ready();
    const record = deadLetterRecord();

    const { body } = await request(app!.getHttpServer())
      .post('/dead-letters/import')
      .set('authorization', `Bearer ${TOKEN}`)
      .set('content-type', 'application/x-ndjson')
      .send(`${JSON.stringify(record)}\n{"id":1}\n`)
      .expect(200);

    expect(body).toMatchObject({ added: 1, refusedLines: 1, refused: [{ line: 2 }] });
    expect(await service.get(record.id)).toMatchObject({ id: record.id });
  });
});
