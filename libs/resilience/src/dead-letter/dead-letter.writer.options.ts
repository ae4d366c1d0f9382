import type { Clock } from '../engine/clock.js';
import type { DeadLetterStore } from './store/dead-letter.store.js';

/** What Nest's `Logger` can do. */
export interface DeadLetterLog {
  warn(message: string): void;
  error(message: string): void;
}

export interface DeadLetterWriterOptions {
  readonly store: DeadLetterStore;
  readonly clock: Clock;
  /** Where entries wait while the store fails. Without it they wait in memory: the newest 1,000, lost with the process. */
  readonly spillDirectory?: string | undefined;
  /**
   * How long a failing call waits for the store before its entry goes to the spill. Milliseconds.
   * @default 30 with a spill directory, 5_000 without: an entry in memory is nothing to answer a caller with
   */
  readonly storeTimeoutMs?: number | undefined;
  readonly log?: DeadLetterLog;
  /** What kept the store from being opened: then no call waits for it before it has answered. */
  readonly failure?: Error | undefined;
}

/** Where a record ended up. */
export type Written =
  | { readonly kept: 'store'; readonly id: string; readonly merged: boolean }
  | { readonly kept: 'spill'; readonly id: string }
  | { readonly kept: 'memory' | 'nowhere' };
