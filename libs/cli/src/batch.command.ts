import type { DeadLetterStatus } from '@nest-resilience/core';
import { type Batch, type Outcome, runBatch } from './batch.js';
import { type Command, type CommandCall, selectionOf } from './command.js';
import type { CommandLine } from './command-line.js';
import type { Filter } from './dead-letter.api.js';
import { EXIT_CODES } from './exit-code.js';

interface BatchCommand extends Pick<Command, 'name' | 'summary' | 'options'> {
  /** While it runs and when it is done, e.g. `redriving`, `redriven`. */
  readonly words: readonly [doing: string, done: string];
  readonly outcomes: Batch['outcomes'];
  /** Statuses of the entries it takes where the filter names none. */
  readonly from: readonly DeadLetterStatus[];
  ratePerSecond(line: CommandLine): number;
  /** How many entries it would take. */
  matched(call: CommandCall, filter: Filter, statuses: readonly string[]): Promise<number>;
  act(call: CommandCall, id: string): Promise<Outcome>;
}

/** A command that changes entries one after the other: named ones, or those of a filter. */
export function batchCommand(shape: BatchCommand): Command {
  const { name, summary, options, words, outcomes } = shape;
  const run = async (call: CommandCall) => {
    const { line, screen, io } = call;
    const { ids, matched } = await select(shape, call);
    const json = line.flag('json');
    if (!line.flag('dry-run')) {
      const rate = { ratePerSecond: shape.ratePerSecond(line) };
      const batch = { label: words[0], ids, matched, outcomes, ...rate, act: (id: string) => shape.act(call, id) };
      return runBatch(batch, screen, io, json);
    }
    if (json) screen.json({ matched, dryRun: true });
    else screen.line(`${matched} would be ${words[1]}`);
    return EXIT_CODES.done;
  };
  return { name, summary, options, operands: { label: 'id', min: 0, max: Infinity }, run };
}

async function select(shape: BatchCommand, call: CommandCall): Promise<Pick<Batch, 'ids' | 'matched'>> {
  const { line, api } = call;
  const selection = selectionOf(shape.name, line);
  if ('ids' in selection) {
    const ids = selection.ids.slice(0, line.number('limit'));
    return { ids, matched: ids.length };
  }
  const { filter } = selection;
  const statuses = movable(filter, shape.from);
  const matched = await shape.matched(call, filter, statuses);
  return { matched, ids: matched === 0 ? [] : api.ids({ ...filter, status: statuses.join(',') }, matched) };
}

/** Of the statuses that a filter names, those from which an entry can be moved; without a status, those `unless` given. */
function movable(filter: Filter, unless: readonly DeadLetterStatus[]): readonly string[] {
  const statuses = filter['status']?.split(',').map((status) => status.trim());
  return statuses?.filter((status) => status === 'pending' || status === 'poisoned') ?? unless;
}
