import { type ItemLedger, type ItemRecord, itemsOf } from '../ledger/items.js';
import { guardLedger } from './ledger-failure.js';

/** Where the items of a run are kept. */
export interface RunItems {
  /** Resolves once it is durable. @throws LedgerFailure, RunStop, or what the ledger has against it */
  keep(item: ItemRecord): Promise<void>;
  /** Those that ended, in the order of the list. @throws LedgerFailure */
  all(node: string, step?: string): AsyncIterable<ItemRecord>;
}

/** All items of a list. @throws LedgerFailure */
export function keptItems(ledger: ItemLedger, id: string, node: string, step?: string): AsyncIterable<ItemRecord> {
  return itemsOf({ page: (of, filter) => guardLedger(ledger.page(of, filter)) }, id, { node, step });
}
