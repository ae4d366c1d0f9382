import { batchCommand } from '../batch.command.js';
import { FILTER_OPTIONS } from '../options.js';

export const discard = batchCommand({
  name: 'discard',
  summary: 'decide that entries will not be run: by id, or all that a filter takes',
  options: [...FILTER_OPTIONS, 'all', 'note', 'limit', 'dry-run'],
  words: ['discarding', 'discarded'],
  outcomes: ['discarded', 'skipped'],
  from: ['pending', 'poisoned'],
  ratePerSecond: () => Infinity,

  async matched({ line, api }, filter, statuses) {
    const found = await api.counts(filter);
    const all = found.filter(({ status }) => statuses.includes(status)).reduce((sum, { count }) => sum + count, 0);
    return Math.min(line.number('limit') ?? Infinity, all);
  },

  async act({ line, api }, id) {
    await api.discard(id, line.text('note'));
    return { id, outcome: 'discarded' };
  },
});
