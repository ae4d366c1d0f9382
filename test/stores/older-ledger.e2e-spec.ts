import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mysqlExecutionStore, postgresExecutionStore, sqliteExecutionStore } from '@nest-resilience/store-sql';
import type { ExecutionStore } from '@nest-resilience/workflow';
import { executionRecord, nodeRecord } from '@nest-resilience/workflow/testing';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { findMysql, startMysql } from '../servers/mysql.server.js';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';
import { LEDGER_VERSION_1 } from './ledger-version-1.js';

const DURATIONS = [0, 1, 127, 128, 129, 255, 256, 1_000, 65_535, 65_536, 86_400_000];

const ROWS = [
  `insert into resilience_migrations values ('executions', 1, '2026-01-01T00:00:00.000Z')`,
  ...[`'e-1', 'running', 'p-1'`, `'e-2', 'queued', null`, `'e-3', 'succeeded', null`].map(
    (
      row,
    ) => `insert into resilience_executions (id, status, owner, workflow, version, input, input_hash, created_at, resumes, degraded,
      nodes, attempts, retries, fallbacks, input_tokens, output_tokens, cost_usd)
      values (${row}, 'triage', 'v1', '{"n":1}', 'hash', 1, 0, 0, 1, 1, 0, 0, 0, 0, 0)`,
  ),
  // What ended before totals were kept: durations on both sides of every bound between them, and one that went on after its end.
  ...DURATIONS.map(
    (
      durationMs,
      index,
    ) => `insert into resilience_executions (id, status, workflow, version, input, input_hash, created_at, finished_at, duration_ms,
      resumes, degraded, nodes, attempts, retries, fallbacks, input_tokens, output_tokens, cost_usd)
      values ('o-${index}', '${index % 4 === 0 ? 'failed' : 'succeeded'}', 'older', 'v1', '{}', 'hash', 1, ${1 + durationMs}, ${durationMs},
      0, ${index % 2}, 2, 3, ${index % 3 === 0 ? 1 : 0}, 1, 10, 5, 0.25)`,
  ),
  `insert into resilience_executions (id, parent_id, status, owner, workflow, version, input, input_hash, created_at, resumes, degraded,
    nodes, attempts, retries, fallbacks, input_tokens, output_tokens, cost_usd)
    values ('o-x', 'o-0', 'running', 'me', 'older', 'v1', '{}', 'hash', 1, 1, 0, 1, 1, 0, 0, 100, 0, 0.5)`,
  `insert into resilience_execution_nodes (execution_id, node, status, record)
    values ('e-1', 'a', 'succeeded', '${JSON.stringify(nodeRecord('a'))}')`,
];

const MIGRATIONS = `create table resilience_migrations (component varchar(64) not null, version integer not null,
  applied_at varchar(64) not null, primary key (component, version))`;

interface Subject {
  /** In the database itself. */
  execute(statements: readonly string[]): Promise<void>;
  open(): ExecutionStore;
  close(): Promise<void>;
}

const found = findMysql();
if (!found)
  process.stderr.write('\nSKIPPED: the migration of an older ledger on MySQL was NOT tested. Install MariaDB.\n\n');

describe.each<[name: 'sqlite' | 'postgres' | 'mysql', open: () => Promise<Subject>]>([
  ['sqlite', sqlite],
  ['postgres', postgres],
  ...(found && 'program' in found
    ? [['mysql', () => mariadb(found.program)] as ['mysql', () => Promise<Subject>]]
    : []),
])('a ledger of version 1 on %s', (name, openSubject) => {
  let subject: Subject;

  beforeAll(async () => {
    subject = await openSubject();
  });

  afterAll(() => subject.close());

  it('is brought up to date with everything in it, also when that was cut off and begins again', async () => {
    await subject.execute([...LEDGER_VERSION_1[name], MIGRATIONS, ...ROWS]);

    const first = subject.open();
    await first.init?.();
    await first.close?.();
    // MySQL commits each statement: what a crash before the last one leaves behind.
    if (name === 'mysql') await subject.execute([`delete from resilience_migrations where version > 1`]);
    const store = subject.open();
    await store.init?.();

    expect(await store.unfinished()).toEqual([
      { id: 'e-1', workflow: 'triage' },
      { id: 'e-2', workflow: 'triage' },
    ]);
    const ledger = await store.get('e-1');
    expect(ledger).toMatchObject({ status: 'running', owner: 'p-1', input: { n: 1 }, nodes: [nodeRecord('a')] });
    expect(ledger?.crashes).toBeUndefined();
    expect(await store.checkpoint({ id: 'e-1', owner: 'p-1', fence: 0 }, nodeRecord('b'))).toBe(true);
    const me = { owner: 'me', host: 'here', pid: 1 };
    expect(await store.lease?.take(me, 10_000)).toMatchObject({ held: true, afterCrash: false });
    const older = { byStatus: { succeeded: 8, failed: 3, running: 1 }, withRetries: 4, degraded: 5 };
    expect(await store.sums('older')).toMatchObject({ ...older, inputTokens: 210, costUsd: 3.25, p50: 255 });
    // The new ones go where the old ones are.
    for (let i = 0; i < DURATIONS.length; i++)
      await store.reopen?.(`o-${i}`, { owner: 'me', from: ['succeeded', 'failed'], startedAt: 1, version: 'v1' }, [
        'a',
      ]);
    expect(await store.sums('older')).toMatchObject({ byStatus: { running: 12 }, inputTokens: 210, p50: null });
    const end = { degraded: false, totals: executionRecord().totals };
    for (const [i, durationMs] of DURATIONS.entries())
      await store.finish(
        { id: `o-${i}`, owner: 'me', fence: 1 },
        { ...end, status: 'succeeded', finishedAt: 1 + durationMs },
      );
    expect(await store.prune?.(86_400_000, 100)).toBe(10);
    expect(await store.sums('older')).toMatchObject({
      byStatus: { succeeded: 1, running: 1 },
      inputTokens: 100,
      p95: 86_400_000,
    });
    await store.close?.();
    await subject.execute([
      'select fence, due_at, crashes, lane, priority, moved_from from resilience_executions',
      'select execution_id, node, step, item, status, record, result from resilience_execution_items',
      'select workflow, version, source, created_at from resilience_workflow_versions',
      'select id, seen_at, started_at, versions, running, capacity from resilience_replicas',
    ]);
  });
});

function sqlite(): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), 'older-ledger-'));
  const file = join(directory, 'ledger.db');
  return Promise.resolve({
    // In another process: two libraries of SQLite in one would take each other's locks away.
    execute: (statements) => {
      const program = `const database = new (require('libsql'))(${JSON.stringify(file)}); database.exec(${JSON.stringify(statements.join(';'))});`;
      execFileSync(process.execPath, ['-e', program]);
      return Promise.resolve();
    },
    open: () => sqliteExecutionStore({ file }),
    close: () => Promise.resolve(rmSync(directory, { recursive: true, force: true })),
  });
}

async function postgres(): Promise<Subject> {
  const server = await startPostgres();
  return ofServer(
    server,
    () => postgresExecutionStore({ url: server.url }),
    async (statements) => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
    },
  );
}

async function mariadb(program: string): Promise<Subject> {
  const server = await startMysql(program);
  return ofServer(
    server,
    () => mysqlExecutionStore({ url: server.url }),
    async (statements) => {
      const connection = await mysql.createConnection(server.url);
      for (const statement of statements) await connection.query(statement);
      await connection.end();
    },
  );
}

function ofServer(server: DatabaseServer, open: () => ExecutionStore, execute: Subject['execute']): Subject {
  return { open, execute, close: () => server.stop() };
}
