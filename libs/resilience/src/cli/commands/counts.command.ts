import type { Command } from '../command.js';
import { EXIT_CODES } from '../exit-code.js';
import { FILTER_OPTIONS } from '../options.js';
import { plain } from '../screen.js';
import { paintStatus } from '../status-colour.js';
import { joined, table } from '../table.js';
import { dateTime } from '../time-text.js';

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
    const [header = [], ...lines] = table([['QUEUE', 'STATUS', 'COUNT', 'OLDEST'], ...rows]);
    screen.line(screen.paint('bold', joined(header)));
    for (const cells of lines) {
      screen.line(joined(cells.map((cell, column) => (column === 1 ? paintStatus(screen, cell) : cell))));
    }
    return EXIT_CODES.done;
  },
};
