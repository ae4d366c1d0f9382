import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { DeadLetterStore } from '@nest-resilience/core';
import { deadLetterRecord, describeDeadLetterStore } from '@nest-resilience/core/testing';
import { describeExecutionStore } from '@nest-resilience/workflow/testing';
import { sqliteExecutionStore, type SqliteDriver, sqliteStore } from '@nest-resilience/store-sql';

const driver: SqliteDriver = 'better-sqlite3';
const why = whyNot();
if (why !== undefined) {
  process.stderr.write(
    `\nSKIPPED: sqliteStore was NOT tested with better-sqlite3 (${why}). Install it somewhere, for it is compiled when it is ` +
      'installed, and run: NODE_PATH=<that folder>/node_modules npm test -- test/stores/better-sqlite3\n\n',
  );
}

/** The package may be there without its compiled part. */
function whyNot(): string | undefined {
  try {
    const Database = createRequire(import.meta.url)(driver as string) as new (file: string) => { close(): void };
    new Database(':memory:').close();
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
}

const directories: string[] = [];
const opened: { close?(): Promise<void> }[] = [];

function newFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'better-sqlite3-'));
  directories.push(directory);
  return join(directory, 'store.db');
}

function open(file: string): DeadLetterStore {
  const store = sqliteStore({ file, driver });
  opened.push(store);
  return store;
}

async function cleanUp(): Promise<void> {
  for (const store of opened.splice(0)) await store.close?.();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

const suite = why === undefined ? describe : describe.skip;

suite('with better-sqlite3', () => {
  let file: string;

  describeDeadLetterStore(
    'sqliteStore',
    { describe, it },
    {
      open: () => open((file = newFile())),
      reopen: () => open(file),
      close: cleanUp,
    },
  );

  describeExecutionStore(
    'sqliteExecutionStore',
    { describe, it },
    {
      open: () => sqliteExecutionStore({ file: newFile(), driver }),
    },
  );

  describe('sqliteStore', () => {
    afterEach(cleanUp);

    it('finds everything again after it was closed, also with another driver', async () => {
      const record = deadLetterRecord();
      const path = newFile();
      const store = open(path);
      await store.add(record);
      await store.close?.();

      const other = sqliteStore({ file: path });
      opened.push(other);

      expect(await other.get(record.id)).toEqual(record);
    });
  });
});
