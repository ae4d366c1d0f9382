import { createPace } from '@nest-resilience/core/kit';
import type { CliIo } from './cli.io.js';
import { EXIT_CODES, type ExitCode } from './exit-code.js';
import { plain, type Screen } from './screen.js';
import { ServerProblem } from './server-problem.js';

/** What became of one entry. */
export interface Outcome {
  readonly id: string;
  readonly outcome: 'resolved' | 'failed' | 'poisoned' | 'discarded' | 'skipped';
  /** Why it is not done. */
  readonly because?: string;
}

export interface Batch {
  /** For the progress line, e.g. `redriving`. */
  readonly label: string;
  readonly ids: AsyncIterable<string> | Iterable<string>;
  readonly matched: number;
  readonly ratePerSecond: number;
  /** Always shown in the summary, also when 0. */
  readonly outcomes: readonly Outcome['outcome'][];
  readonly act: (id: string) => Promise<Outcome>;
}

type BatchIo = Pick<CliIo, 'clock' | 'signal'>;

/**
 * One entry after the other by a request each, not one long request: progress is exact, no proxy cuts it off, and it ends
 * after the entry in hand on Ctrl-C. Entries that cannot be moved are skipped; what would hit all others too ends it,
 * after a summary of what was done.
 */
export async function runBatch(batch: Batch, screen: Screen, io: BatchIo, json: boolean): Promise<ExitCode> {
  const entries: Outcome[] = [];
  const counts = new Map(batch.outcomes.map((outcome) => [outcome, 0]));
  const sums = (least: number) =>
    [...counts].filter(([, count]) => count >= least).map(([outcome, count]) => `${count} ${outcome}`).join(', '); // prettier-ignore
  const show = () => screen.progress(batch.label, entries.length, batch.matched, sums(1));
  let cancelled = false;
  const pace = createPace(io.clock, 1_000 / batch.ratePerSecond, io.signal);
  try {
    show();
    for await (const id of batch.ids) {
      await pace();
      cancelled = io.signal.aborted;
      if (cancelled) break;
      const entry = await actOrSkip(batch, id);
      entries.push(entry);
      counts.set(entry.outcome, (counts.get(entry.outcome) ?? 0) + 1);
      if (!json && entry.because !== undefined) screen.line(notDone(screen, entry));
      show();
    }
  } finally {
    if (json) screen.json({ matched: batch.matched, ...Object.fromEntries(counts), dryRun: false, cancelled, entries });
    else screen.line(`${entries.length} of ${batch.matched}: ${sums(0)}${cancelled ? ' (interrupted)' : ''}`);
  }
  if (cancelled) return EXIT_CODES.interrupted;
  return entries.some(({ because }) => because !== undefined) ? EXIT_CODES.partly : EXIT_CODES.done;
}

async function actOrSkip({ act }: Batch, id: string): Promise<Outcome> {
  try {
    return await act(id);
  } catch (error) {
    if (!(error instanceof ServerProblem) || (error.status !== 404 && error.status !== 409)) throw error;
    return { id, outcome: 'skipped', because: error.problem.detail };
  }
}

function notDone(screen: Screen, { id, outcome, because = '' }: Outcome): string {
  const word = outcome === 'poisoned' ? screen.paint('red', outcome) : screen.paint('yellow', outcome);
  return `${id}  ${word}  ${plain(because)}`;
}
