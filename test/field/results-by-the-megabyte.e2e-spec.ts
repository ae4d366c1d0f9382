import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type DeadLetterStore, ResilienceModule } from '@nest-resilience/core';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import { mysqlExecutionStore, mysqlStore, postgresExecutionStore, postgresStore } from '@nest-resilience/store-sql';
import { type ExecutionStore, workflow, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import mysql from 'mysql2/promise';
import { findMysql, startMysql } from '../servers/mysql.server.js';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';

// What is committed together must not be more than a server takes in one packet (16 MB where nobody has set it), and an undoing that
// fails must not hide why there was something to undo.
const found = findMysql();
const servers = [
  ['PostgreSQL', startPostgres, postgresExecutionStore, postgresStore],
  ...(found && 'program' in found
    ? [['MariaDB', () => startMysql(found.program), mysqlExecutionStore, mysqlStore] as const]
    : []),
] as const;
if (servers.length === 1)
  process.stderr.write('\nSKIPPED: large results on MariaDB were NOT tested. Install it, or set MYSQL_URL.\n\n');

/** Quotes, which escaping doubles, and letters of three bytes among them. */
const LARGE = { plain: 'x'.repeat(900_000), quoted: '"\\'.repeat(112_000), wide: '\u20ac'.repeat(290_000) };

describe.each(servers)('results by the megabyte on %s', (name, start, executions, deadLetters) => {
  let server: DatabaseServer;
  let app: INestApplication | undefined;
  const stores: (ExecutionStore | DeadLetterStore)[] = [];

  beforeAll(async () => {
    server = await start();
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    for (const store of stores.splice(0)) await store.close?.();
  });

  afterAll(() => server?.stop());

  it.each(['plain', 'quoted', 'wide'] as const)(
    'are all kept when 20 runs have one (%s) at once, and nothing runs twice',
    async (kind) => {
      let calls = 0;
      let arrive: () => void = () => undefined;
      const all = new Promise<void>((resolve) => (arrive = resolve));
      const make = async (): Promise<string> => {
        if (++calls === 20) arrive();
        await all;
        return LARGE[kind];
      };
      const definition = workflow('large').node('make', { run: make }).node('done', { after: 'make', constant: 1 });
      const module = await Test.createTestingModule({
        imports: [
          ResilienceModule.forRoot(),
          WorkflowModule.forRoot({ store: executions({ url: server.url }), definitions: [definition], http: false }),
        ],
      }).compile();
      app = await module.createNestApplication({ logger: false }).init();
      const workflows = app.get(WorkflowService);

      const started = await Promise.all(Array.from({ length: 20 }, () => workflows.start('large', {})));
      const ended = await Promise.all(started.map(({ id }) => workflows.wait(id)));

      expect(ended.map(({ status }) => status)).toEqual(Array(20).fill('succeeded'));
      expect(ended.every(({ nodes }) => nodes[0]?.result === LARGE[kind])).toBe(true);
      expect(calls).toBe(20);
    },
  );

  it.each(['plain', 'quoted', 'wide'] as const)(
    'are all kept when 100 dead letters (%s) come at once',
    async (kind) => {
      const store = deadLetters({ url: server.url });
      stores.push(store);
      await store.purge({});
      const json = [LARGE[kind].slice(0, 250_000)];
      const records = Array.from({ length: 100 }, () => deadLetterRecord({ args: { encoding: 'superjson', json } }));

      const added = await Promise.all(records.map((record) => store.add(record)));

      expect(added.map(({ outcome }) => outcome)).toEqual(Array(100).fill('added'));
      expect((await store.count()).map(({ count }) => count)).toEqual([100]);
      expect((await store.get(records[99]!.id))?.args.json).toEqual(json);
    },
  );

  if (name === 'MariaDB')
    describe('that takes less in one packet than many of them are', () => {
      beforeAll(() => setPacket(1_048_576));
      afterAll(() => setPacket(16_777_216));

      const setPacket = async (bytes: number): Promise<void> => {
        const admin = await mysql.createConnection(server.url);
        await admin.query('set global max_allowed_packet = ?', [bytes]);
        await admin.end();
      };

      it('fail the run that has one which is too large for it, and do not make it again and again', async () => {
        let calls = 0;
        const make = (): string => (calls++, '"'.repeat(480_000));
        const definition = workflow('too-large').node('make', { run: make });
        const url = `${server.url}?charset=utf8mb4`;
        const module = await Test.createTestingModule({
          imports: [
            ResilienceModule.forRoot(),
            WorkflowModule.forRoot({ store: mysqlExecutionStore({ url }), definitions: [definition], http: false }),
          ],
        }).compile();
        app = await module.createNestApplication({ logger: false }).init();
        const workflows = app.get(WorkflowService);

        const { id } = await workflows.start('too-large', {});
        const ended = await workflows.wait(id);

        expect([ended.status, calls]).toEqual(['failed', 1]);
        expect(ended.error?.message).toMatch(/max_allowed_packet/);
      });

      it('are kept in smaller groups, and one that is too large for it is refused alone, with the reason', async () => {
        const store = deadLetters({ url: `${server.url}?charset=utf8mb4` });
        stores.push(store);
        await store.purge({});
        const entry = (length: number) =>
          deadLetterRecord({ args: { encoding: 'superjson', json: ['x'.repeat(length)] } });
        const records = [...Array.from({ length: 40 }, () => entry(100_000)), entry(30_000_000), entry(700_000)];

        const added = await Promise.allSettled(records.map((record) => store.add(record)));

        expect(added.map(({ status }) => status)).toEqual([...Array(40).fill('fulfilled'), 'rejected', 'fulfilled']);
        expect(String((added[40] as PromiseRejectedResult).reason)).toMatch(/max_allowed_packet/);
        expect((await store.count()).map(({ count }) => count)).toEqual([41]);
      });
    });
});
