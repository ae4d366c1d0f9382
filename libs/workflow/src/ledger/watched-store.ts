import type { StoreFaults } from '@nest-resilience/core';
import { StoreUnavailableError } from '../workflow.errors.js';
import type { ExecutionStore } from './execution-store.js';

/** Name of the ledger in health. */
export const LEDGER = 'the ledger';

/** The store, its lease and its items: their failures are known to health, and are told in our words. */
export function watchedStore(store: ExecutionStore, faults: StoreFaults, critical: boolean): ExecutionStore {
  const how = {
    ...{ name: LEDGER, critical },
    recheck: () => store.probe?.() ?? store.find('probe'),
    convert: (cause: unknown) => new StoreUnavailableError(cause),
  };
  const watched = faults.watch(store, how);
  const { lease, items } = store;
  // Methods stay those of the store, whatever stands before it.
  return Object.create(watched, {
    ...(lease && { lease: { value: faults.watch(lease, how) } }),
    ...(items && { items: { value: faults.watch(items, how) } }),
  }) as ExecutionStore;
}
