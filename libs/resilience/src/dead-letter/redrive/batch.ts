import type { Clock } from '../../engine/clock.js';
import { NotNowError } from '../../engine/errors.js';
import * as option from '../../engine/option/index.js';
import { createPace } from '../../engine/pace.js';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import { DeadLetterError } from '../dead-letter.errors.js';
import { statusesOf } from '../store/filter.js';
import type { Redriver, RedriveResult } from './redrive.js';
import type { DeadLetterFilter, DeadLetterStore } from '../store/dead-letter.store.js';
import { MOVABLE_STATUSES } from '../store/transitions.js';

export const REDRIVE_ALL = option.options({
  /** Redrives started a second, at most. @default 10 */
  ratePerSecond: option.number(10, { min: 0.001, max: 10_000 }),
  /** Redrives at work at once. More than one end in any order. @default 1 */
  concurrency: option.whole(1, { min: 1, max: 1_000 }),
  /** Entries touched at most, oldest first. @default all */
  limit: option.whole(Infinity, { min: 1 }),
  /** Only counts what would be redriven. @default false */
  dryRun: option.flag(false),
  /** Aborted: the running redrives end, no other starts. */
  signal: option.custom<AbortSignal, AbortSignal>((value, at) =>
    value instanceof AbortSignal ? value : at.refuse(value, 'an AbortSignal'),
  ),
  /** Called after each entry. */
  onProgress: option.fn<(progress: RedriveProgress) => void>(),
});

export interface RedriveAllOptions extends option.OptionsOf<typeof REDRIVE_ALL.spec> {}

export interface RedriveProgress {
  /** Entries that matched the filter when the batch began. */
  readonly matched: number;
  readonly resolved: number;
  /** Failed and pending again. */
  readonly failed: number;
  /** Failed for the last time. */
  readonly poisoned: number;
  /** Not replayable, of an unknown target, not to be run at this moment, or in somebody else's hands. */
  readonly skipped: number;
  /** The entry just done. */
  readonly last?: RedriveResult | { readonly id: string; readonly skippedBecause: string };
}

export interface RedriveReport extends Omit<RedriveProgress, 'last'> {
  readonly dryRun: boolean;
  readonly cancelled: boolean;
}

interface BatchParts {
  readonly store: DeadLetterStore;
  readonly clock: Clock;
  readonly redriver: Redriver;
}

/**
 * Redrives what matches, oldest first, each entry once. Poisoned ones only when the filter asks for them by status;
 * entries that arrive while it runs are left for the next batch. Ends when the last redrive has.
 */
export async function redriveAll(
  { store, clock, redriver }: BatchParts,
  filter: DeadLetterFilter,
  options: option.OutOf<typeof REDRIVE_ALL>,
): Promise<RedriveReport> {
  const { limit, dryRun, signal, onProgress } = options;
  await redriver.releaseExpired();
  const from = (statusesOf(filter) ?? ['pending']).filter((status) => MOVABLE_STATUSES.includes(status));
  const wanted = { ...filter, status: from };
  const counts = from.length === 0 ? [] : await store.count(wanted);
  // Newer entries have higher ids and come last: as many as matched now are those that matched now.
  const progress = {
    matched: Math.min(
      limit,
      counts.reduce((sum, { count }) => sum + count, 0),
    ),
    ...{ resolved: 0, failed: 0, poisoned: 0, skipped: 0 },
  };
  const report = () => ({ ...progress, dryRun, cancelled: signal?.aborted ?? false });
  if (dryRun || progress.matched === 0) return report();

  const pace = createPace(clock, 1_000 / options.ratePerSecond, signal);
  const records = oldestFirst(store, wanted, progress.matched);
  let failure: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    for await (const record of shared(records)) {
      await pace();
      if (signal?.aborted || failure) return;
      const last = await redriveOrSkip(redriver, record, from);
      if ('skippedBecause' in last) progress.skipped++;
      else if (last.outcome === 'resolved') progress.resolved++;
      else if (last.status === 'poisoned') progress.poisoned++;
      else progress.failed++;
      onProgress?.({ ...progress, last });
    }
  };
  const workers = Array.from({ length: Math.min(options.concurrency, progress.matched) }, () =>
    work().catch((error: unknown) => void (failure ??= { error })),
  );
  await Promise.all(workers);
  if (failure) throw failure.error;
  return report();
}

/** For several who read it: one that leaves does not end it for the others. */
function shared<T>(items: AsyncGenerator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => ({ next: () => items.next() }) };
}

async function redriveOrSkip(
  redriver: Redriver,
  record: DeadLetterRecord,
  from: Parameters<Redriver['redriveNext']>[1],
) {
  try {
    return await redriver.redriveNext(record, from);
  } catch (error) {
    // Anything else is the store failing, and would fail for every other entry too.
    if (error instanceof DeadLetterError || error instanceof NotNowError)
      return { id: record.id, skippedBecause: error.message };
    throw error;
  }
}

/** Few: a store gives whole entries, and of a blob each may have megabytes. */
const PAGE = 20;

async function* oldestFirst(
  store: DeadLetterStore,
  filter: DeadLetterFilter,
  limit: number,
): AsyncGenerator<DeadLetterRecord> {
  let cursor: string | undefined;
  let left = limit;
  do {
    const size = Math.min(left, PAGE);
    const page = await store.list({ ...filter, order: 'oldest', limit: size, ...(cursor !== undefined && { cursor }) });
    yield* page.items;
    left -= page.items.length;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && left > 0);
}
