import { announce, type Outcome, runBatch } from '../batch.js';
import { type Command, type CommandCall, selectionOf } from '../command.js';
import { movable, type ShownRedrive } from '../dead-letter.api.js';
import { FILTER_OPTIONS } from '../options.js';

/** The server's own default. */
const DEFAULT_RATE_PER_SECOND = 10;

export const redrive: Command = {
  name: 'redrive',
  summary: 'run entries again: by id, or all that a filter takes, oldest first',
  operands: { label: 'id', min: 0, max: Infinity },
  options: [...FILTER_OPTIONS, 'all', 'rate', 'limit', 'dry-run'],

  async run(call) {
    const { line, api, screen, io } = call;
    const selected = await select(call);
    const json = line.flag('json');
    if (line.flag('dry-run')) return announce(selected.matched, 'redriven', screen, json);
    const batch = {
      ...{ label: 'redriving', outcomes: ['resolved', 'failed', 'poisoned', 'skipped'] as const, ...selected },
      ratePerSecond: line.number('rate') ?? DEFAULT_RATE_PER_SECOND,
      act: async (id: string) => outcomeOf(await api.redrive(id)),
    };
    return runBatch(batch, screen, io, json);
  },
};

async function select({ line, api }: CommandCall) {
  const selection = selectionOf(redrive.name, line);
  const limit = line.number('limit');
  if ('ids' in selection) {
    const ids = selection.ids.slice(0, limit);
    return { ids, matched: ids.length };
  }
  const rate = line.number('rate');
  const options = { ...(rate !== undefined && { ratePerSecond: rate }), ...(limit !== undefined && { limit }) };
  const { matched } = await api.dryRun(selection.filter, options);
  const filter = { ...selection.filter, status: movable(selection.filter, ['pending']).join(',') };
  return { matched, ids: matched === 0 ? [] : api.ids(filter, matched) };
}

function outcomeOf({ id, outcome, status, error }: ShownRedrive): Outcome {
  if (outcome === 'resolved') return { id, outcome };
  const because = error ? `${error.name}: ${error.message}` : 'it failed again';
  return { id, outcome: status === 'poisoned' ? 'poisoned' : 'failed', because };
}
