import { DEFAULT_PAGE_SIZE, type ExecutionLease, MAX_PAGE_SIZE } from './execution-store.js';
import type { ItemFilter, ItemLedger, ItemPage, ItemRecord } from './items.js';
import { absolved, type Entry, runsUnder } from './memory.entry.js';

/** The items of a {@link MemoryExecutionStore}. */
export class MemoryItemLedger implements ItemLedger {
  constructor(private readonly entries: ReadonlyMap<string, Entry>) {}

  keep(lease: ExecutionLease, item: ItemRecord): Promise<boolean> {
    const entry = this.entries.get(lease.id);
    if (!entry || !runsUnder(entry, lease)) return Promise.resolve(false);
    const steps = entry.items.get(item.node) ?? new Map<string, Map<number, ItemRecord>>();
    const items = steps.get(item.step) ?? new Map<number, ItemRecord>();
    entry.items.set(item.node, steps.set(item.step, items));
    if (items.get(item.index)?.status !== 'succeeded') items.set(item.index, item);
    if (item.status === 'succeeded') entry.record = absolved(entry.record);
    return Promise.resolve(true);
  }

  amend(id: string, item: ItemRecord): Promise<boolean> {
    const items = this.of(id, item);
    if (items?.get(item.index)?.status !== 'failed') return Promise.resolve(false);
    items.set(item.index, item);
    return Promise.resolve(true);
  }

  page(id: string, filter: ItemFilter): Promise<ItemPage> {
    const { status, cursor = -1, limit = DEFAULT_PAGE_SIZE } = filter;
    const size = Math.min(Math.max(1, limit), MAX_PAGE_SIZE);
    const matching = [...(this.of(id, filter)?.values() ?? [])]
      .filter((item) => item.index > cursor && (status === undefined || item.status === status))
      .sort((a, b) => a.index - b.index);
    const items = matching.slice(0, size);
    return Promise.resolve({ items, nextCursor: matching.length > size ? items.at(-1)!.index : null });
  }

  counts(id: string) {
    const counts = [...(this.entries.get(id)?.items ?? [])].flatMap(([node, steps]) =>
      [...steps].map(([step, items]) => {
        const failed = [...items.values()].filter(({ status }) => status === 'failed').length;
        return { node, step, succeeded: items.size - failed, failed };
      }),
    );
    return Promise.resolve(counts);
  }

  private of(id: string, { node, step = '' }: Pick<ItemFilter, 'node' | 'step'>): Map<number, ItemRecord> | undefined {
    return this.entries.get(id)?.items.get(node)?.get(step);
  }
}
