import { batchCommand } from '../batch.command.js';
import { FILTER_OPTIONS } from '../options.js';

/** The server's own default. */
const DEFAULT_RATE_PER_SECOND = 10;

export const redrive = batchCommand({
  name: 'redrive',
  summary: 'run entries again: by id, or all that a filter takes, oldest first',
  options: [...FILTER_OPTIONS, 'all', 'rate', 'limit', 'dry-run'],
  words: ['redriving', 'redriven'],
  outcomes: ['resolved', 'failed', 'poisoned', 'skipped'],
  from: ['pending'],
  ratePerSecond: (line) => line.number('rate') ?? DEFAULT_RATE_PER_SECOND,

  async matched({ line, api }, filter) {
    const [rate, limit] = [line.number('rate'), line.number('limit')];
    const options = { ...(rate !== undefined && { ratePerSecond: rate }), ...(limit !== undefined && { limit }) };
    return (await api.dryRun(filter, options)).matched;
  },

  async act({ api }, asked) {
    const { id, outcome, status, error } = await api.redrive(asked);
    if (outcome === 'resolved') return { id, outcome };
    const because = error ? `${error.name}: ${error.message}` : 'it failed again';
    return { id, outcome: status === 'poisoned' ? 'poisoned' : 'failed', because };
  },
});
