import type { ItemRecord, ItemSummary } from '../ledger/items.js';
import type { JsonValue } from '../ledger/json-value.js';
import type { StructuredError } from '../ledger/structured-error.js';
import type { ServedBy } from './summary.js';

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

/** Of a list and what stands around it, roughly. */
const FRAME_BYTES = 100;

type Entry = PartialResult['successes'][number] | FailedItem | JsonValue;

/** Puts the items of a list together, unless they are too much to be held as one. */
export class EachResult {
  private entries: Map<number, Entry> | undefined = new Map();
  private readonly failures = new Set<number>();
  private bytes = FRAME_BYTES;
  private ended = 0;

  constructor(
    private readonly total: number,
    private readonly partial: boolean,
    /** Of JSON. */
    private readonly maxBytes: number,
    private readonly step = '',
  ) {}

  add(record: ItemRecord): void {
    this.ended++;
    const failed = record.status === 'failed';
    if (failed) this.failures.add(record.index);
    if (!this.entries || (failed && !this.partial)) return;
    const entry = this.partial ? entryOf(record) : (record.result ?? null);
    if (Number.isFinite(this.maxBytes)) this.bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (this.bytes > this.maxBytes) this.entries = undefined;
    else this.entries.set(record.index, entry);
  }

  get summary(): ItemSummary {
    const { total, partial, step } = this;
    const failed = this.failures.size;
    return { total, succeeded: this.ended - failed, failed, partial, ...(step !== '' && { step }) };
  }

  /** `undefined`: it is too large. */
  get value(): PartialResult | JsonValue[] | undefined {
    const { entries, total, failures } = this;
    if (!entries) return undefined;
    const inOrder = [...entries].sort(([a], [b]) => a - b);
    if (!this.partial) {
      const results = new Array<JsonValue>(total).fill(null);
      for (const [index, result] of inOrder) results[index] = result as JsonValue;
      return results;
    }
    return {
      successes: inOrder.flatMap(([index, entry]) =>
        failures.has(index) ? [] : [entry],
      ) as PartialResult['successes'],
      failures: inOrder.flatMap(([index, entry]) => (failures.has(index) ? [entry as FailedItem] : [])),
      total,
      successRate: total === 0 ? 1 : (total - failures.size) / total,
    };
  }
}

function entryOf({ index, status, ...record }: ItemRecord): PartialResult['successes'][number] | FailedItem {
  const { result = null, provider, providerLevel: level = 0, degraded } = record;
  if (status === 'succeeded') return { index, result, ...(provider !== undefined && { provider, level, degraded }) };
  const { item = null, error, deadLetterId } = record;
  return { index, item, error: error!, ...(deadLetterId !== undefined && { deadLetterId }) };
}
