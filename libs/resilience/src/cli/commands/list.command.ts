import type { Command } from '../command.js';
import type { ShownEntry } from '../dead-letter.api.js';
import { EXIT_CODES } from '../exit-code.js';
import { FILTER_OPTIONS } from '../options.js';
import { plain, type Screen } from '../screen.js';
import { paintStatus } from '../status-colour.js';
import { joined, tableWithin } from '../table.js';
import { dateTime } from '../time-text.js';

export const list: Command = {
  name: 'list',
  summary: 'a page of entries, newest first',
  options: [...FILTER_OPTIONS, 'limit', 'cursor', 'order'],

  async run({ line, api, screen }) {
    const [limit, cursor, order] = [line.number('limit'), line.text('cursor'), line.text('order')];
    const page = await api.list({
      ...line.filter(),
      ...(limit !== undefined && { limit: String(limit) }),
      ...(cursor !== undefined && { cursor }),
      ...(order !== undefined && { order }),
    });
    if (line.flag('json')) {
      screen.json(page);
      return EXIT_CODES.done;
    }
    if (page.items.length === 0) screen.note('No entries');
    else for (const row of rowsOf(page.items, screen)) screen.line(row);
    if (page.nextCursor) screen.note(`More: --cursor ${page.nextCursor}`);
    return EXIT_CODES.done;
  },
};

/** What a narrow terminal goes without, first to last. */
const DISPENSABLE = ['CREATED', 'REDRIVES', 'QUEUE'];
const HEADER = ['ID', 'STATUS', 'QUEUE', 'TARGET', 'CREATED', 'REDRIVES', 'ERROR'];

function rowsOf(items: readonly ShownEntry[], screen: Screen): string[] {
  const [header = [], ...rows] = tableWithin([HEADER, ...items.map(cellsOf)], screen.width, DISPENSABLE);
  return [
    screen.paint('bold', joined(header)),
    ...rows.map((cells) => joined(cells.map((cell, column) => (column === 1 ? paintStatus(screen, cell) : cell)))),
  ];
}

function cellsOf({ id, status, queue, target, createdAt, redrives, maxRedrives, replayable, error }: ShownEntry) {
  const prefix = replayable ? '' : '[not replayable] ';
  const message = `${prefix}${error.name}: ${error.message}`;
  return [id, status, queue, target, dateTime(createdAt), `${redrives}/${maxRedrives}`, message].map(plain);
}
