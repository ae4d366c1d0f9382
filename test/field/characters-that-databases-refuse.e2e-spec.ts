import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DeadLetter, type DeadLetterStore, MemoryDeadLetterStore, ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import {
  mysqlExecutionStore,
  mysqlStore,
  postgresExecutionStore,
  postgresStore,
  sqliteExecutionStore,
  sqliteStore,
} from '@nest-resilience/store-sql';
import { type ExecutionStore, MemoryExecutionStore, workflow, WorkflowModule } from '@nest-resilience/workflow';
import { type INestApplication, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { createConnection } from 'mysql2/promise';
import { findMysql, startMysql } from '../servers/mysql.server.js';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';

// PostgreSQL keeps no NUL in text, UTF-8 no half of a surrogate pair, and MySQL compares an ASCII column with nothing else: what an
// operator searched for, or a client sent, was a 500 with one store and an answer with another.

const TOKEN = 'a-token-that-is-long-enough';
const ODD = 'a\0b\ud800';

@Injectable()
class Payments {
  @DeadLetter('pay\0ments')
  pay(_order: unknown): Promise<void> {
    return Promise.reject(Object.assign(new Error(`no ${ODD}`), { name: ODD }));
  }
}

interface Stores {
  readonly deadLetters: DeadLetterStore;
  readonly executions: ExecutionStore;
}

let app: INestApplication;

async function boot({ deadLetters, executions }: Stores): Promise<void> {
  const echo = workflow('echo').node('a', { run: ({ input }) => ({ echo: input }) });
  const fail = workflow('fail').node('a', { run: () => Promise.reject(new Error(`no ${ODD}`)) });
  const testing = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({ deadLetter: { store: deadLetters } }),
      AdminModule.forRoot({ token: TOKEN }),
      WorkflowModule.forRoot({ store: executions, definitions: [echo.build(), fail.build()] }),
    ],
    providers: [Payments],
  }).compile();
  app = testing.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
}

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${await app.getUrl()}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: text }),
  });
  const answer = await response.text();
  return { status: response.status, body: (answer === '' ? {} : JSON.parse(answer)) as Record<string, never> };
}

function describeOn(name: string, open: () => Stores, there = true): void {
  (there ? describe : describe.skip)(`${name}: characters that some database refuses`, () => {
    beforeAll(() => boot(open()));
    afterAll(() => app.close());

    it('are kept with the failed call, and found', async () => {
      await app.get(Payments).pay({ [ODD]: ODD }).catch(() => undefined); // prettier-ignore

      for (const query of ['text=%00b', 'text=no%20a%EF%BF%BDb', 'queue=pay%00ments', 'errorName=a%00b%EF%BF%BD']) {
        const { status, body } = await ask('GET', `/dead-letters?${query}`);

        expect({
          query,
          status,
          args: (body['items'] as unknown as { args: unknown }[]).map(({ args }) => args),
        }).toEqual({
          ...{ query, status: 200, args: [[{ [ODD]: ODD }]] },
        });
      }
    });

    it.each<readonly [method: string, path: string, status: number, body: unknown]>([
      ['GET', '/dead-letters?text=%00', 200, undefined],
      ['GET', '/dead-letters?queue=a%00', 200, undefined],
      ['GET', '/dead-letters?target=%00', 200, undefined],
      ['GET', '/dead-letters?target=%C3%A9', 200, undefined],
      ['GET', '/dead-letters?from=1.5&to=1e300', 200, undefined],
      ['GET', '/dead-letters/counts?text=%00', 200, undefined],
      ['GET', '/dead-letters?cursor=%00', 400, undefined],
      ['GET', '/dead-letters?cursor=%C3%A9', 400, undefined],
      ['GET', '/dead-letters/a%00b', 404, undefined],
      ['GET', '/dead-letters/%C3%A9', 404, undefined],
      ['POST', '/dead-letters/a%00b/redrive', 404, undefined],
      ['POST', '/dead-letters/a%00b/discard', 404, undefined],
      ['POST', '/dead-letters/purge', 200, { filter: { text: ODD, queue: ODD, target: ODD, errorName: ODD } }],
      ['POST', '/dead-letters/redrive', 200, { filter: { text: ODD }, dryRun: true }],
      ['GET', '/executions?workflow=%00', 200, undefined],
      ['GET', '/executions?workflow=%C3%A9', 200, undefined],
      ['GET', '/executions?cursor=%00', 400, undefined],
      ['GET', '/executions/a%00b', 404, undefined],
      ['GET', '/executions/%F0%9F%98%80', 404, undefined],
      ['GET', '/executions/a%00b/events', 404, undefined],
      ['POST', '/executions/a%00b/cancel', 404, undefined],
      ['POST', '/executions/a%00b/resume', 404, undefined],
      ['POST', '/executions/a%00b/retry', 404, { from: ODD }],
      ['GET', '/workflows/a%00b/metrics', 404, undefined],
      ['POST', '/workflows/a%00b/executions', 404, {}],
    ])('%s %s answers %i', async (method, path, status, body) => {
      expect((await ask(method, path, body)).status).toBe(status);
    });

    it('are imported, and exported as they were', async () => {
      const record = deadLetterRecord({ queue: ODD, note: ODD, error: { name: ODD, message: ODD } });

      const { body } = await ask('POST', '/dead-letters/import', `${JSON.stringify(record)}\n`, {
        'content-type': 'application/x-ndjson',
      });
      const { body: exported } = await ask('GET', `/dead-letters/export?queue=a%00b%EF%BF%BD`);

      expect(body).toMatchObject({ added: 1, refusedLines: 0 });
      expect(exported).toMatchObject({ id: record.id, queue: 'a\ufffdb\ufffd', error: { name: ODD, message: ODD } });
    });

    it('pass through a workflow as they are: input, results, errors', async () => {
      const echo = await ask('POST', '/workflows/echo/executions?wait=30s', { [ODD]: ODD });
      const fail = await ask('POST', '/workflows/fail/executions?wait=30s', { [ODD]: ODD });

      expect([echo.status, echo.body['output']]).toEqual([200, { a: { echo: { [ODD]: ODD } } }]);
      expect(fail.body).toMatchObject({ status: 'failed', error: { message: `no ${ODD}` } });
    });
  });
}

describeOn('memory', () => ({ deadLetters: new MemoryDeadLetterStore(), executions: new MemoryExecutionStore() }));

describeOn('SQLite', () => {
  const file = ':memory:';
  return { deadLetters: sqliteStore({ file }), executions: sqliteExecutionStore({ file }) };
});

describe('on servers', () => {
  const mysql = findMysql();
  let postgresServer: DatabaseServer;
  let mysqlUrl = '';
  let stopMysql = (): Promise<void> => Promise.resolve();

  beforeAll(async () => {
    postgresServer = await startPostgres();
  });
  beforeAll(async () => {
    if (!mysql) {
      process.stderr.write('\nSKIPPED: mysqlStore was NOT tested. apt-get install mariadb-server\n\n');
      return;
    }
    const server = 'url' in mysql ? { url: mysql.url, stop: () => Promise.resolve() } : await startMysql(mysql.program);
    stopMysql = server.stop;
    const connection = await createConnection(server.url);
    await connection.query('drop database if exists nest_resilience_test');
    await connection.query('create database nest_resilience_test');
    await connection.end();
    mysqlUrl = new URL('/nest_resilience_test', server.url).href;
  });
  afterAll(async () => {
    await postgresServer.stop();
    await stopMysql();
  });

  describeOn('PostgreSQL', () => {
    const { url } = postgresServer;
    return { deadLetters: postgresStore({ url }), executions: postgresExecutionStore({ url }) };
  });

  describeOn(
    'MySQL',
    () => ({ deadLetters: mysqlStore({ url: mysqlUrl }), executions: mysqlExecutionStore({ url: mysqlUrl }) }),
    mysql !== undefined,
  );
});
