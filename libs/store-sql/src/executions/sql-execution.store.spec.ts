import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { describeExecutionStore, executionRecord, held, nodeRecord } from '@nest-resilience/workflow/testing';
import { sql } from 'kysely';
import { openSqlite } from '../sqlite/sqlite.connection.js';
import { sqliteExecutionStore } from '../stores.js';
import type { ExecutionSchema } from './execution.schema.js';

const directory = mkdtempSync(join(tmpdir(), 'executions-'));
let files = 0;
const newFile = (): string => join(directory, `${++files}.db`);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describeExecutionStore('SQLite', { describe, it }, { open: () => sqliteExecutionStore({ file: newFile() }) });

describe('the SQLite execution store', () => {
  it('has everything again when the file is opened by the next process', async () => {
    const file = newFile();
    const first = sqliteExecutionStore({ file });
    const { execution } = await first.create(executionRecord());
    await first.checkpoint(held(execution.id), nodeRecord('a'));
    await first.close?.();

    const second = sqliteExecutionStore({ file });

    expect(await second.unfinished()).toEqual([{ id: execution.id, workflow: execution.workflow }]);
    expect((await second.get(execution.id))?.nodes).toEqual([nodeRecord('a')]);
    await second.close?.();
  });

  it('keeps many checkpoints made at once, each once', async () => {
    const store = sqliteExecutionStore({ file: newFile() });
    const { execution } = await store.create(executionRecord());

    const kept = await Promise.all(
      Array.from({ length: 200 }, (_, i) => store.checkpoint(held(execution.id), nodeRecord(`n${i % 100}`))),
    );

    expect(kept.every(Boolean)).toBe(true);
    expect((await store.get(execution.id))?.nodes).toHaveLength(100);
    await store.close?.();
  });

  it('finds by an index what no page, sweep or figure may look for in the whole ledger', async () => {
    const file = newFile();
    const store = sqliteExecutionStore({ file });
    await store.init?.();
    const { kysely, close } = openSqlite<ExecutionSchema>({ file });
    const planOf = async (query: string): Promise<string> => {
      const { rows } = await sql<{ detail: string }>`explain query plan ${sql.raw(query)}`.execute(kysely);
      return rows.map(({ detail }) => detail).join('; ');
    };
    const executions = 'from resilience_executions where';

    expect(await planOf(`select id ${executions} workflow = 'a' and status = 'failed' order by id desc limit 51`)).toBe(
      'SEARCH resilience_executions USING COVERING INDEX resilience_executions_listed (workflow=? AND status=?)',
    );
    expect(await planOf(`select id, nodes ${executions} finished_at < 5 order by finished_at limit 10`)).toBe(
      'SEARCH resilience_executions USING INDEX resilience_executions_finished (finished_at<?)',
    );
    expect(
      await planOf(
        `select status, count(*) ${executions} workflow = 'a' and status in ('queued', 'running') group by status`,
      ),
    ).toBe('SEARCH resilience_executions USING COVERING INDEX resilience_executions_listed (workflow=? AND status=?)');
    await close();
    await store.close?.();
  });
});
