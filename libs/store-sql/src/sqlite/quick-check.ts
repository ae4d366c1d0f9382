import type { SqliteDatabase } from './sqlite.driver.js';

/** Larger ones would keep the process from answering for too long; what is damaged there shows when it is read. */
const MOST_BYTES = 33_554_432;

/** What SQLite finds wrong with the pages of a file; `undefined` for nothing. */
export function quickCheck(database: SqliteDatabase): string | undefined {
  try {
    if (pragma(database, 'page_count') * pragma(database, 'page_size') > MOST_BYTES) return undefined;
    const [row] = database.prepare('pragma quick_check(1)').all([]) as Record<string, unknown>[];
    const [found] = Object.values(row ?? {});
    return found === 'ok' ? undefined : String(found);
  } catch (error) {
    return (error as Error).message;
  }
}

function pragma(database: SqliteDatabase, name: string): number {
  const [row] = database.prepare(`pragma ${name}`).all([]) as Record<string, unknown>[];
  return Number(Object.values(row ?? {})[0]);
}
