import type { NodeRecord } from './execution.js';
import type { ExecutionLease } from './execution-store.js';
import type { JsonValue } from './json-value.js';

/** A checkpoint: one item of an `each` node that ended. */
export interface ItemRecord extends Pick<
  NodeRecord,
  | (
      | 'node'
      | 'result'
      | 'error'
      | 'startedAt'
      | 'finishedAt'
      | 'servedBy'
      | 'fallbackLevel'
      | 'degraded'
      | 'deadLetterId'
    )
  | ('attempts' | 'heals' | 'attemptCount' | 'retryCount' | 'usage' | 'costUsd' | 'provider' | 'providerLevel')
> {
  /** What was done with the item: empty for the node itself, or the name of the fallback that ran in its place. */
  readonly step: string;
  /** Its place in the list, from 0. */
  readonly index: number;
  readonly status: 'succeeded' | 'failed';
  /** The item itself, of one that failed. */
  readonly item?: JsonValue;
}

export const ITEM_STATUSES: readonly ItemRecord['status'][] = ['succeeded', 'failed'];

/** How many items of a list ended. */
export interface ItemCounts {
  readonly succeeded: number;
  readonly failed: number;
}

/** What a node record says of its items. */
export interface ItemSummary extends ItemCounts {
  readonly total: number;
  /** The result has its successes and failures apart. */
  readonly partial: boolean;
  /** See {@link ItemRecord.step}; absent for the node itself. */
  readonly step?: string;
}

export interface ItemFilter {
  readonly node: string;
  /** @default '' */
  readonly step?: string | undefined;
  readonly status?: ItemRecord['status'];
  /** Index of the last item of the page before. */
  readonly cursor?: number | undefined;
  /** @default 50, at most 500 */
  readonly limit?: number;
}

/** In the order of the list. A page may end before its limit where items are large. It has one at least. */
export interface ItemPage {
  readonly items: readonly ItemRecord[];
  /** Pass it as `cursor` for the next page; `null` on the last one. */
  readonly nextCursor: number | null;
}

/** The items of `each` nodes, each for itself: a list is as long as it is, and is never held as a whole. */
export interface ItemLedger {
  /**
   * Keeps an item that ended, as `checkpoint` keeps a node: a failed record of the same item and step is replaced, any other is left as it
   * is; one that succeeded sets `crashes` to 0. Resolves with false, and keeps nothing, when the execution is not running under this lease.
   */
  keep(lease: ExecutionLease, item: ItemRecord): Promise<boolean>;
  /** Replaces the failed record of an item, whoever runs the execution. Resolves with false when there is no such record. */
  amend(id: string, item: ItemRecord): Promise<boolean>;
  page(id: string, filter: ItemFilter): Promise<ItemPage>;
  /** Of every node of the execution that has items. */
  counts(id: string): Promise<readonly (ItemCounts & Pick<ItemRecord, 'node' | 'step'>)[]>;
}

/** All items of a list in their order, page by page. */
export async function* itemsOf(
  ledger: Pick<ItemLedger, 'page'>,
  id: string,
  filter: Omit<ItemFilter, 'cursor'>,
): AsyncGenerator<ItemRecord> {
  let cursor: number | null | undefined;
  do {
    const page: ItemPage = await ledger.page(id, { limit: MAX_READ, ...filter, cursor: cursor ?? undefined });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

const MAX_READ = 500;
