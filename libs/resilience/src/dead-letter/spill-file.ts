import { open } from 'node:fs/promises';
import type { DeadLetterRecord } from './dead-letter.entry.js';

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
  await handle?.close();
}

/** A line at a time: a store that was away for long leaves a spill that does not fit into memory. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const handle = await open(path, 'r').catch(ignoreMissing);
  if (handle === undefined) return;
  try {
    // Not `readLines`: since Node 24 it also ends a line at U+2028 and U+2029, which JSON has as they are.
    const buffer = Buffer.allocUnsafe(65_536);
    const decoder = new TextDecoder();
    let parts: string[] = [];
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      const [first = '', ...others] = decoder.decode(buffer.subarray(0, bytesRead), { stream: true }).split('\n');
      parts.push(first);
      for (const other of others) {
        yield parts.join('');
        parts = [other];
      }
    }
    yield parts.join('');
  } finally {
    await handle.close();
  }
}

export function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
