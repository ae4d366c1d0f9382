import type { DeadLetterView } from '@nest-resilience/core/admin';
import type { Command } from '../command.js';
import { EXIT_CODES } from '../exit-code.js';
import { FILTER_OPTIONS } from '../options.js';
import { plain } from '../screen.js';
import { dateTime, printTable } from '../table.js';

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
    else printTable(screen, [HEADER, ...page.items.map(cellsOf)], screen.width, DISPENSABLE);
    if (page.nextCursor) screen.note(`More: --cursor ${page.nextCursor}`);
    return EXIT_CODES.done;
  },
};

/** What a narrow terminal goes without, first to last. */
const DISPENSABLE = ['CREATED', 'REDRIVES', 'QUEUE'];
const HEADER = ['ID', 'STATUS', 'QUEUE', 'TARGET', 'CREATED', 'REDRIVES', 'ERROR'];

function cellsOf({ id, status, queue, target, createdAt, redrives, maxRedrives, replayable, error }: DeadLetterView) {
  const prefix = replayable ? '' : '[not replayable] ';
  const message = `${prefix}${error.name}: ${error.message}`;
  return [id, status, queue, target, dateTime(createdAt), `${redrives}/${maxRedrives}`, message].map(plain);
}
