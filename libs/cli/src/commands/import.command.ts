import { open } from 'node:fs/promises';
import type { Command } from '../command.js';
import type { CliIo } from '../cli.io.js';
import { EXIT_CODES, fileError, usageError } from '../exit-code.js';
import { plain } from '../screen.js';

export const importEntries: Command = {
  name: 'import',
  summary: "take in what export gave, from a file or '-' for stdin; known ids stay as they are",
  operands: { label: 'file', min: 1, max: 1 },
  options: [],

  async run({ line, api, screen, io }) {
    const report = await api.import(await source(line.operands[0] ?? '-', io));
    if (line.flag('json')) screen.json(report);
    else {
      for (const { line: number, problem } of report.refused) screen.line(`line ${number}: ${plain(problem)}`);
      const { added, merged, known, refusedLines } = report;
      const unnamed = refusedLines - report.refused.length;
      if (unnamed > 0)
        screen.line(`and ${unnamed} more, which the server does not name: import again when these are mended`);
      if (report.stopped !== undefined) screen.line(`Stopped ${plain(report.stopped)}`);
      screen.line(`${added} added, ${merged} merged, ${known} known already, ${refusedLines} lines refused`);
    }
    return report.refusedLines > 0 ? EXIT_CODES.partly : EXIT_CODES.done;
  },
};

async function source(file: string, { stdin }: CliIo): Promise<AsyncIterable<string | Uint8Array>> {
  if (file === '-') return stdin;
  // Opened before anything is sent, so that a wrong name is not taken for a broken connection.
  const handle = await open(file).catch((error: unknown) => {
    throw fileError(error, `'${file}' cannot be read`);
  });
  if (!(await handle.stat()).isDirectory()) return handle.createReadStream();
  await handle.close();
  throw usageError(`'${file}' is a directory, expected a file with one entry a line`);
}
