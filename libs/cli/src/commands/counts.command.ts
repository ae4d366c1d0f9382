import type { Command } from '../command.js';
import { EXIT_CODES } from '../exit-code.js';
import { FILTER_OPTIONS } from '../options.js';
import { plain } from '../screen.js';
import { dateTime, printTable } from '../table.js';

export const counts: Command = {
  name: 'counts',
  summary: 'how many there are, by queue and status',
  options: FILTER_OPTIONS,

  async run({ line, api, screen }) {
    const found = await api.counts(line.filter());
    if (line.flag('json')) {
      screen.json({ counts: found });
      return EXIT_CODES.done;
    }
    if (found.length === 0) {
      screen.note('No entries');
      return EXIT_CODES.done;
    }
    const rows = found.map(({ queue, status, count, oldestAt }) => [
      plain(queue),
      status,
      String(count),
      dateTime(oldestAt),
    ]);
    printTable(screen, [['QUEUE', 'STATUS', 'COUNT', 'OLDEST'], ...rows]);
    return EXIT_CODES.done;
  },
};
