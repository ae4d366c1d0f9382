import type { DeadLetterRecord, DeadLetterStatus, StoredArgs, StoredError } from '../dead-letter.entry.js';

/** Which entries. Everything given must hold; an empty filter means all. */
export interface DeadLetterFilter {
  queue?: string;
  status?: DeadLetterStatus | readonly DeadLetterStatus[];
  /** `Class.method`, exact. */
  target?: string;
  /** Name of the error, exact, e.g. `'TimeoutError'`. */
  errorName?: string;
  /** `createdAt` >= this, epoch milliseconds. */
  from?: number;
  /** `createdAt` < this, epoch milliseconds. */
  to?: number;
  /** Part of the error's message, the target, the arguments' JSON or the note; ASCII letters in either case. */
  text?: string;
}

export interface DeadLetterQuery extends DeadLetterFilter {
  /** Entries a page, 1 to 1000. @default 50 */
  limit?: number;
  /** `nextCursor` of the page before: the id of its last entry. */
  cursor?: string;
  /** @default 'newest' */
  order?: 'newest' | 'oldest';
}

export interface DeadLetterListing {
  /** Arguments above 64 KiB of JSON, and those with a blob, may come in part and marked as `excerpt`: the list is for people. */
  readonly excerpts?: boolean;
}

export interface DeadLetterPage<T = DeadLetterRecord> {
  readonly items: readonly T[];
  /** `null` on the last page. */
  readonly nextCursor: string | null;
}

export interface DeadLetterCount {
  readonly queue: string;
  readonly status: DeadLetterStatus;
  readonly count: number;
  /** `createdAt` of the oldest one, epoch milliseconds. */
  readonly oldestAt: number;
}

export interface DeadLetterAdded {
  /** The id under which the call is kept: that of the older entry when it was merged. */
  readonly id: string;
  /** `known`: an entry with this very id was there already, nothing was changed. */
  readonly outcome: 'added' | 'merged' | 'known';
}

export interface LeaseRequest {
  /** Who asks, for people who look at the entry. */
  readonly holder: string;
  readonly leaseMs: number;
  /** Epoch milliseconds by the caller's clock. A store with a server uses the server's clock instead. */
  readonly now: number;
  /** Statuses it may be taken from. */
  readonly from: readonly DeadLetterStatus[];
}

/** The right to redrive one entry. `token` is the fence: a later lease of the same entry has a higher one. */
export interface DeadLetterLease {
  readonly record: DeadLetterRecord;
  readonly token: number;
  /** Changes when a failed call with the same idempotency key arrives in the meantime. */
  readonly revision: number;
}

export interface Settlement {
  readonly outcome: 'resolved' | 'failed';
  /** Epoch milliseconds. */
  readonly at: number;
  readonly error?: StoredError;
}

export interface DeadLetterEdit {
  readonly args: StoredArgs;
  readonly replayable: boolean;
  readonly notReplayable: readonly string[];
  readonly note?: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface ReleasedDeadLetter {
  readonly id: string;
  readonly queue: string;
  readonly target: string;
  readonly redrives: number;
  readonly status: 'pending' | 'poisoned';
}

export interface PruneRequest {
  /** Resolved and discarded entries closed before this go. Epoch milliseconds. */
  readonly closedBefore: number;
  /** Above this many in a queue, its oldest resolved and discarded ones go. */
  readonly maxEntriesPerQueue: number;
}

export interface PruneReport {
  readonly removed: number;
  /** Queues that are above the cap with entries nobody may drop silently. */
  readonly overCap: readonly { readonly queue: string; readonly count: number }[];
}

/**
 * Keeps dead letters. Every method is atomic, also among replicas that share the store; a resolved promise means that
 * the change is durable. `describeDeadLetterStore` is the contract as a test suite.
 *
 * Inject it under the symbol of the same name: `@Inject(DeadLetterStore) store: DeadLetterStore`.
 */
export interface DeadLetterStore {
  /** For messages, e.g. `sqlite (data/dead-letters.db)`. */
  readonly name: string;
  /** `false` when nothing outlives the process. */
  readonly durable: boolean;
  /** Opens and migrates. Called at boot; safe to call twice and from several processes at once. */
  init?(): Promise<void>;
  /**
   * Keeps a new entry. One whose `idempotencyKey` (of the same target) is that of a pending or redriving entry updates
   * that one, which keeps id, `createdAt`, `redrives` and a running lease.
   */
  add(record: DeadLetterRecord): Promise<DeadLetterAdded>;
  /** Rejects when what would be written now would not be found again. Without it {@link get} is asked for an entry that nobody has. */
  probe?(): Promise<void>;
  get(id: string): Promise<DeadLetterRecord | undefined>;
  /** A page may end before its limit where entries are large: a thousand of those are more than a process holds. It has one at least. */
  list(query: DeadLetterQuery, listing?: DeadLetterListing): Promise<DeadLetterPage>;
  count(filter?: DeadLetterFilter): Promise<DeadLetterCount[]>;
  /**
   * Takes the entry for one redrive. `undefined` when it is unknown, not replayable, held by somebody else or in none of
   * the statuses asked for. A lease that ran out is first counted as a failed redrive (see {@link releaseExpired}).
   */
  lease(id: string, request: LeaseRequest): Promise<DeadLetterLease | undefined>;
  /** Prolongs a lease; `false` when it is no longer held. */
  renew(lease: DeadLetterLease, request: { leaseMs: number; now: number }): Promise<boolean>;
  /**
   * Ends a redrive. Resolved -> `resolved`, but `pending` if another failed call was merged in since the lease began;
   * failed -> `pending`, or `poisoned` at the `maxRedrives`-th. Returns the new status, `undefined` when the lease was lost.
   */
  settle(lease: DeadLetterLease, settlement: Settlement): Promise<DeadLetterStatus | undefined>;
  /**
   * Gives back what crashed replicas held: each counts as a failed redrive, so an entry that kills its process ends as `poisoned`.
   * @param leaseMs how long the callers' leases are. A store that measures by the callers' clocks counts a lease that ends later than
   *   `now + leaseMs` as run out: the clock has been set back since.
   */
  releaseExpired(now: number, leaseMs?: number): Promise<ReleasedDeadLetter[]>;
  /** Replaces the arguments of a pending or poisoned entry, which is pending then; `false` when it is neither. */
  edit(id: string, edit: DeadLetterEdit): Promise<boolean>;
  /** Closes a pending or poisoned entry without running it; `false` when it is neither. */
  discard(id: string, request: { note?: string; at: number }): Promise<boolean>;
  /** Removes what matches, except entries being redriven. Returns how many. */
  purge(filter: DeadLetterFilter): Promise<number>;
  prune(request: PruneRequest): Promise<PruneReport>;
  close?(): Promise<void>;
}

/** Injection token of the application's {@link DeadLetterStore}. */
export const DeadLetterStore = Symbol.for('nest-resilience:dead-letter-store');

export const DEFAULT_PAGE_LIMIT = 50;
export const MAX_PAGE_LIMIT = 1000;
