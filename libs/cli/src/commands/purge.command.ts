import { type Command, selectionOf } from '../command.js';
import type { DeadLetterApi, Filter } from '../dead-letter.api.js';
import { CliError, EXIT_CODES } from '../exit-code.js';
import { FILTER_OPTIONS } from '../options.js';

export const purge: Command = {
  name: 'purge',
  summary: 'remove entries for good; without --status only resolved and discarded ones',
  options: [...FILTER_OPTIONS, 'all', 'dry-run', 'yes'],

  async run({ line, api, screen }) {
    const selection = selectionOf(purge.name, line);
    const filter = 'filter' in selection ? selection.filter : {};
    const json = line.flag('json');
    if (!line.flag('yes') || line.flag('dry-run')) {
      const matched = await countOf(api, filter);
      if (!line.flag('dry-run')) {
        throw new CliError(`${matched} would be removed for good: add --yes to do it`, EXIT_CODES.usage);
      }
      if (json) screen.json({ matched, removed: 0, dryRun: true });
      else screen.line(`${matched} would be removed`);
      return EXIT_CODES.done;
    }
    const { removed } = await api.purge(filter);
    if (json) screen.json({ removed, dryRun: false });
    else screen.line(`${removed} removed`);
    return EXIT_CODES.done;
  },
};

/** What the server would take: closed entries unless a status is named, and none that is being redriven. */
async function countOf(api: DeadLetterApi, filter: Filter): Promise<number> {
  const found = await api.counts({ status: 'resolved,discarded', ...filter });
  return found.filter(({ status }) => status !== 'redriving').reduce((sum, { count }) => sum + count, 0);
}
