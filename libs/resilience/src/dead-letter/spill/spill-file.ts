import { open } from 'node:fs/promises';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import { LineReader } from './line-reader.js';

/** A torn last line was never acknowledged: its caller got no id. */
export function parseLine(line: string): DeadLetterRecord | undefined {
  try {
    const record = JSON.parse(line) as DeadLetterRecord | null;
    return typeof record?.id === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The name of a new file is durable only once its directory is. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined); // Windows opens no directories, and needs none of this
  await handle?.sync().catch(() => undefined);
  handle?.close().catch(() => undefined);
}

/** A line at a time: a store that was away for long leaves a spill that does not fit into memory. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const handle = await open(path, 'r').catch(ignoreMissing);
  if (handle === undefined) return;
  // Not `readLines`: since Node 24 it also ends a line at U+2028 and U+2029, which JSON has as they are.
  for await (const { text } of new LineReader(handle.createReadStream(), Infinity).lines()) {
    if (text !== undefined) yield text;
  }
}

export function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
