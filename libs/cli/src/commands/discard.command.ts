import { announce, runBatch } from '../batch.js';
import { type Command, type CommandCall, selectionOf } from '../command.js';
import { movable } from '../dead-letter.api.js';
import { FILTER_OPTIONS } from '../options.js';

export const discard: Command = {
  name: 'discard',
  summary: 'decide that entries will not be run: by id, or all that a filter takes',
  operands: { label: 'id', min: 0, max: Infinity },
  options: [...FILTER_OPTIONS, 'all', 'note', 'limit', 'dry-run'],

  async run(call) {
    const { line, api, screen, io } = call;
    const selected = await select(call);
    const json = line.flag('json');
    if (line.flag('dry-run')) return announce(selected.matched, 'discarded', screen, json);
    const note = line.text('note');
    const batch = {
      ...{ label: 'discarding', outcomes: ['discarded', 'skipped'] as const, ...selected, ratePerSecond: Infinity },
      act: async (id: string) => {
        await api.discard(id, note);
        return { id, outcome: 'discarded' as const };
      },
    };
    return runBatch(batch, screen, io, json);
  },
};

async function select({ line, api }: CommandCall) {
  const selection = selectionOf(discard.name, line);
  const limit = line.number('limit') ?? Infinity;
  if ('ids' in selection) {
    const ids = selection.ids.slice(0, limit);
    return { ids, matched: ids.length };
  }
  const found = await api.counts(selection.filter);
  const statuses = movable(selection.filter, ['pending', 'poisoned']);
  const all = found.filter(({ status }) => statuses.includes(status)).reduce((sum, { count }) => sum + count, 0);
  const matched = Math.min(limit, all);
  return { matched, ids: matched === 0 ? [] : api.ids({ ...selection.filter, status: statuses.join(',') }, matched) };
}
