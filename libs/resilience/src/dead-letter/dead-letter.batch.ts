import type { Clock } from '../engine/clock.js';
import { NotNowError } from '../engine/errors.js';
import { OptionsReader } from '../engine/options.js';
import type { DeadLetterRecord } from './dead-letter.entry.js';
import { DeadLetterError } from './dead-letter.errors.js';
import { statusesOf } from './dead-letter.filter.js';
import { createPace } from './dead-letter.pace.js';
import type { Redriver, RedriveResult } from './dead-letter.redrive.js';
import type { DeadLetterFilter, DeadLetterStore } from './dead-letter.store.js';
import { MOVABLE_STATUSES } from './dead-letter.transitions.js';

export interface RedriveAllOptions {
  /** Redrives started a second, at most. @default 10 */
  ratePerSecond?: number;
  /** Redrives at work at once, 1 to 1,000. More than one end in any order. @default 1 */
  concurrency?: number;
  /** Entries touched at most, oldest first. @default all */
  limit?: number;
  /** Only counts what would be redriven. @default false */
  dryRun?: boolean;
  /** Aborted: the running redrives end, no other starts. */
  signal?: AbortSignal;
  /** Called after each entry. */
  onProgress?: (progress: RedriveProgress) => void;
}

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

const DEFAULT_REDRIVE_ALL_OPTIONS = { ratePerSecond: 10, concurrency: 1, dryRun: false } as const;

/** @throws ResilienceOptionsError with every problem at once */
export function readRedriveAllOptions(input: RedriveAllOptions | undefined, path: string) {
  const reader = new OptionsReader<RedriveAllOptions>(input, path, [
    ...(['ratePerSecond', 'concurrency', 'limit', 'dryRun', 'signal', 'onProgress'] as const),
  ]);
  const signal = reader.raw('signal');
  if (signal !== undefined && !(signal instanceof AbortSignal)) reader.problem('signal', signal, 'an AbortSignal');
  const options = {
    ratePerSecond: reader.number('ratePerSecond', DEFAULT_REDRIVE_ALL_OPTIONS.ratePerSecond, {
      min: 0.001,
      max: 10_000,
    }),
    concurrency: reader.number('concurrency', DEFAULT_REDRIVE_ALL_OPTIONS.concurrency, {
      ...{ min: 1, max: 1_000, integer: true },
    }),
    limit: reader.number('limit', Infinity, { min: 1, integer: true }),
    dryRun: reader.boolean('dryRun', DEFAULT_REDRIVE_ALL_OPTIONS.dryRun),
    signal: signal as AbortSignal | undefined,
    onProgress: reader.function<NonNullable<RedriveAllOptions['onProgress']>>('onProgress'),
  };
  reader.finish();
  return options;
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
  options: ReturnType<typeof readRedriveAllOptions>,
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
    cursor = page.nextCursor;
  } while (cursor !== undefined && left > 0);
}
