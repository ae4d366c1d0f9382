import type { Command } from '../command.js';
import { entryLines } from '../entry-text.js';
import { EXIT_CODES } from '../exit-code.js';

export const show: Command = {
  name: 'show',
  summary: 'one entry with its arguments, attempts and errors',
  operands: { label: 'id', min: 1, max: 1 },
  options: [],

  async run({ line, api, screen }) {
    const entry = await api.get(line.operands[0] ?? '');
    if (line.flag('json')) screen.json(entry);
    else for (const text of entryLines(entry, screen)) screen.line(text);
    return EXIT_CODES.done;
  },
};
