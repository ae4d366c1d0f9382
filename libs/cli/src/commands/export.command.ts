import { open, rename, rm, stat } from 'node:fs/promises';
import type { Command } from '../command.js';
import { EXIT_CODES, fileError } from '../exit-code.js';
import { FILTER_OPTIONS } from '../options.js';

const LINE_END = 10;

export const exportEntries: Command = {
  name: 'export',
  summary: 'all entries as NDJSON, oldest first, to stdout or a file',
  options: [...FILTER_OPTIONS, 'output'],

  async run({ line, api, screen }) {
    const file = line.text('output');
    const chunks = api.export(line.filter());
    if (file === undefined || file === '-') {
      for await (const chunk of chunks) await screen.pour(chunk);
      return EXIT_CODES.done;
    }
    const entries = await writeWhole(file, chunks);
    if (line.flag('json')) screen.json({ file, entries });
    else screen.note(`${entries} entries in ${file}`);
    return EXIT_CODES.done;
  },
};

/** Under its own name only when it is complete: half an export looks just like a whole one. */
async function writeWhole(file: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  // A device or a named pipe is written to, never replaced.
  const replaced = (await stat(file).catch(() => undefined))?.isFile() ?? true;
  const part = replaced ? `${file}.part` : file;
  try {
    const entries = await write(part, chunks);
    if (replaced) await rename(part, file);
    return entries;
  } catch (error) {
    if (replaced) await rm(part, { force: true }).catch(() => undefined);
    throw fileError(error, `'${file}' cannot be written`);
  }
}

async function write(file: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let entries = 0;
  // Arguments of calls: for the user alone.
  const handle = await open(file, 'w', 0o600);
  try {
    for await (const chunk of chunks) {
      entries += chunk.filter((byte) => byte === LINE_END).length;
      await handle.writeFile(chunk);
    }
  } finally {
    await handle.close();
  }
  return entries;
}
