import type { CompiledAction } from '../graph/definition.js';
import type { ServedBy } from './summary.js';
import { type StructuredError, structuredError } from '../ledger/structured-error.js';

/** What a batch with `partial: true` comes to. */
export interface PartialResult {
  readonly successes: readonly ({ readonly index: number; readonly result: unknown } & Partial<ServedBy>)[];
  readonly failures: readonly FailedItem[];
  readonly total: number;
  /** 0..1; 1 for an empty list. */
  readonly successRate: number;
}

export interface FailedItem {
  readonly index: number;
  readonly item: unknown;
  readonly error: StructuredError;
  /** When the node keeps its failed items as dead letters. */
  readonly deadLetterId?: string;
}

const MAX_ITEMS = 100_000;

/** Runs a function for each item, `concurrency` at once. */
export async function runEach(
  list: readonly unknown[],
  { concurrency, partial }: Extract<CompiledAction, { type: 'each' }>,
  run: (item: unknown, index: number) => Promise<unknown>,
  /** Makes a dead letter of a failed item of a partial batch; resolves with its id. */
  keep?: (index: number, error: unknown) => Promise<string | undefined>,
  /** Of an item that a model answered. */
  served?: (index: number) => ServedBy | undefined,
): Promise<PartialResult | unknown[]> {
  if (list.length > MAX_ITEMS) throw new RangeError(`each over ${list.length} items; at most ${MAX_ITEMS} are allowed`);
  const results = new Array<unknown>(list.length);
  const errors = new Map<number, unknown>();
  const kept = new Map<number, string>();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < list.length && (partial || errors.size === 0)) {
      const index = next++;
      try {
        results[index] = await run(list[index], index);
      } catch (error) {
        errors.set(index, error);
        const id = partial ? await keep?.(index, error) : undefined;
        if (id !== undefined) kept.set(index, id);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, list.length) }, work));
  if (!partial) {
    for (const error of errors.values()) throw error;
    return results;
  }
  return {
    successes: results.flatMap((result, index) =>
      errors.has(index) ? [] : [{ index, result: result ?? null, ...served?.(index) }],
    ),
    failures: [...errors]
      .sort(([a], [b]) => a - b)
      .map(([index, error]) => ({
        index,
        item: list[index] ?? null,
        error: structuredError(error),
        ...(kept.has(index) && { deadLetterId: kept.get(index) ?? '' }),
      })),
    total: list.length,
    successRate: list.length === 0 ? 1 : (list.length - errors.size) / list.length,
  };
}
