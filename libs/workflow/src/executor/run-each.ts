import type { CompiledAction } from '../graph/definition.js';
import type { ItemRecord } from '../ledger/items.js';
import { EachResult, type PartialResult } from './each-result.js';
import { endsRun } from './run-stop.js';
import type { RunItems } from './run-items.js';

const MAX_ITEMS = 100_000;
/** Items that cost nothing but time may be ahead of the ledger by so many. */
const AHEAD = 256;

/** How an item ended. */
export interface EndedItem {
  readonly record: ItemRecord;
  /** What was thrown, of one that failed. */
  readonly error?: unknown;
}

export interface EachParts {
  readonly action: Extract<CompiledAction, { type: 'each' }>;
  readonly signal: AbortSignal;
  /** Absent: nothing is kept before the list as a whole. */
  readonly rows: (RunItems & { readonly node: string; readonly step: string }) | undefined;
  /** Of JSON that a result may have to be held as one. */
  readonly maxBytes: number;
  /** Nothing new shall begin, and no failure be taken for one. @throws RunStop */
  requireTime(): void;
  /** Rejects only when that ends the run. @param earlier how it failed before */
  run(item: unknown, index: number, earlier?: ItemRecord): Promise<EndedItem>;
  /** The item with the error that the ledger had against its record. */
  refused(ended: EndedItem, error: unknown): EndedItem;
  /** What it comes to, from the beginning on. */
  begun(result: EachResult): void;
  /** An item of an earlier go that need not run again. */
  found(record: ItemRecord): void;
}

/** What became of a list. */
export interface EachOutcome {
  /** `undefined`: it is too large to be held as one; its items are kept. */
  readonly value: PartialResult | unknown[] | undefined;
  /** The first failure of a list that is not partial. */
  readonly failure?: { readonly error: unknown };
}

/** Runs a function for each item, `concurrency` at once. Those that ended in an earlier go do not run again. */
export async function runEach(list: readonly unknown[], parts: EachParts): Promise<EachOutcome> {
  if (list.length > MAX_ITEMS) throw new RangeError(`each over ${list.length} items; at most ${MAX_ITEMS} are allowed`);
  const { action, rows, signal } = parts;
  const { concurrency, partial } = action;
  const result = new EachResult(list.length, partial, parts.maxBytes, rows?.step);
  parts.begun(result);
  const done = new Uint8Array(list.length);
  const earlier = new Map<number, ItemRecord>();
  for await (const record of rows?.all(rows.node, rows.step) ?? []) {
    parts.found(record);
    if (record.index >= list.length) continue;
    const isFinal = record.status === 'succeeded' || partial;
    if (isFinal) done[record.index] = 1;
    if (isFinal) result.add(record);
    else earlier.set(record.index, record);
  }

  const keeping = new Set<Promise<void>>();
  const ahead = ['transform', 'constant'].includes(action.action.type) ? AHEAD : 0;
  let failure: { readonly error: unknown } | undefined;
  let broken: { readonly error: unknown } | undefined;
  let next = 0;

  const keep = async (ended: EndedItem): Promise<void> => {
    try {
      await rows?.keep(ended.record);
    } catch (error) {
      if (endsRun(error, signal)) throw error;
      ended = parts.refused(ended, error);
      await rows?.keep(ended.record);
    }
    result.add(ended.record);
    if ('error' in ended && !partial) failure ??= { error: ended.error };
  };
  const one = async (index: number): Promise<void> => {
    const kept = keep(await parts.run(list[index], index, earlier.get(index))).catch((error: unknown) => {
      broken ??= { error };
    });
    keeping.add(kept);
    void kept.then(() => keeping.delete(kept));
    if (ahead === 0) await kept;
    else while (keeping.size >= ahead && !broken) await keeping.values().next().value;
  };
  const work = async (): Promise<void> => {
    while (next < list.length && !failure && !broken) {
      const index = next++;
      if (done[index] === 1) continue;
      try {
        if (rows) parts.requireTime();
        await one(index);
      } catch (error) {
        broken ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, list.length) }, work));
  await Promise.all(keeping);
  if (broken) throw broken.error;
  return { value: result.value, ...(failure && { failure }) };
}
