import type { Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CircuitBreaker, DeadLetter, ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { MetricsModule } from '@nest-resilience/core/metrics';
import { FakeClock } from '@nest-resilience/core/testing';
import { workflow, WorkflowModule } from '@nest-resilience/workflow';
import { type INestApplication, Injectable, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';

const TOKEN = 'operator-of-the-trace-suite';

@Injectable()
class Orders {
  @CircuitBreaker({ name: 'orders' })
  @DeadLetter('orders')
  async charge(order: string): Promise<void> {
    throw new Error(`${order} failed`);
  }
}

let app: INestApplication<Server>;
let clock: FakeClock;
let log: string[];

beforeEach(async () => {
  log = [];
  clock = new FakeClock();
  const note = (...said: unknown[]): void => void log.push(said.join(' '));
  const logger: LoggerService = { log: note, error: note, warn: note };
  const testing = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({ clock }),
      AdminModule.forRoot({ token: TOKEN }),
      MetricsModule.forRoot(),
      WorkflowModule.forRoot({ definitions: [workflow('quick').node('say', { run: () => 'well' })] }),
    ],
    providers: [Orders],
  })
    .setLogger(logger)
    .compile();
  app = await testing.createNestApplication().init();
  await app.get(Orders).charge('a-1').catch(() => undefined); // prettier-ignore
  log.length = 0;
});

afterEach(() => app.close());

const http = () => request(app.getHttpServer());
const as = (token: string) => ({ authorization: `Bearer ${token}` });
const refusals = async (): Promise<string | undefined> =>
  /^resilience_admin_refused_total (\d+)$/m.exec((await http().get('/metrics')).text)?.[1];

describe('what an operator does', () => {
  it.each([
    ['post', '/dead-letters/purge', 'purge', { status: ['resolved'] }],
    ['post', '/dead-letters/redrive', 'redriveAll', {}],
    ['post', '/dead-letters/import', 'import', undefined],
    ['get', '/dead-letters/export', 'export', undefined],
    ['post', '/resilience/circuits/orders/open', 'open', undefined],
    ['post', '/resilience/circuits/orders/close', 'close', undefined],
    ['post', '/executions/unknown/cancel', 'cancel', undefined],
    ['post', '/executions/unknown/resume', 'resume', undefined],
  ] as const)('is written down, one line an act: %s %s', async (method, path, act, body) => {
    await http()[method](path).set(as(TOKEN)).send(body);

    const lines = log.filter((line) => line.includes('Operator at'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`${method.toUpperCase()} ${path}`);
    expect(lines[0]).toContain(`.${act})`);
    expect(lines[0]).toContain('127.0.0.1');
  });

  it('is not: looking, and what every user of a workflow does', async () => {
    await http().get('/dead-letters').set(as(TOKEN)).expect(200);
    await http().get('/resilience/events').set(as(TOKEN)).expect(200);
    await http().post('/workflows/quick/executions').set(as(TOKEN)).send({}).expect(202);
    await http().post('/dead-letters/purge').set(as('wrong-token-of-somebody')).send({}).expect(401);

    expect(log.filter((line) => line.includes('Operator at'))).toEqual([]);
  });

  it('cannot forge a line of the log', async () => {
    await http().post('/dead-letters/x%0aOperator%20at%20nowhere/discard').set(as(TOKEN)).send({});

    expect(log.filter((line) => line.includes('\n') && line.includes('Operator'))).toEqual([]);
  });
});

describe('wrong tokens', () => {
  it('are counted, and said once a minute with where they came from', async () => {
    for (let index = 0; index < 10; index++) await http().get('/dead-letters').set(as('one wrong token')).expect(401);
    await http().post('/executions/x/cancel').expect(401);
    const first = log.filter((line) => line.includes('refused'));
    await clock.advance(60_000);
    const second = log.filter((line) => line.includes('refused'));
    await clock.advance(600_000);

    expect(first).toHaveLength(1);
    expect(second).toHaveLength(2);
    expect(second[1]).toMatch(/^10 requests .* from \S*127\.0\.0\.1 \(10\).*; 11 since the start/);
    expect(log.filter((line) => line.includes('refused'))).toHaveLength(2);
    expect(log.join('\n')).not.toContain('one wrong token');
    expect(await refusals()).toBe('11');
  });

  it('one after the other are asked to wait, while the right one goes through', async () => {
    const statuses = [];
    for (let index = 0; index < 60; index++) statuses.push((await http().get('/dead-letters').set(as(`guess-${index}`))).status); // prettier-ignore

    const refused = await http().get('/dead-letters').set(as('guess-again'));
    await http().get('/dead-letters').set(as(TOKEN)).expect(200);
    await clock.advance(60_000);
    const later = await http().get('/dead-letters').set(as('guess-later'));

    expect(statuses.slice(0, 50)).toEqual(Array(50).fill(401));
    expect([refused.status, refused.body.code]).toEqual([429, 'RESILIENCE_ADMIN_TOO_MANY_REFUSED']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(later.status).toBe(401);
    expect(await refusals()).toBe('62');
  });
});
