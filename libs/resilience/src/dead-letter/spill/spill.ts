import type { DeadLetterRecord } from '../dead-letter.entry.js';

/** Rejects as `store.add` does, or with {@link NoAnswer}; resolves with {@link NOT_ASKED} for what the store has already. */
export type KeepInStore = (record: DeadLetterRecord) => Promise<unknown>;

/** Shows nothing about whether the store takes entries now. */
export const NOT_ASKED = Symbol('not asked');

/** Where entries wait while the store does not answer. */
export interface DeadLetterSpill {
  /** `true` when what {@link append} acknowledged outlives the process. */
  readonly durable: boolean;
  append(record: DeadLetterRecord): Promise<void>;
  /**
   * Hands every waiting entry to `keep`. One that it rejects stops no other: it stays, and once the store has taken a later
   * one it is set aside, unless what the store said may pass. Never rejects because of `keep`.
   * @param alsoRefused those that were set aside get another chance: a limit of the database, or a release, may have changed
   */
  drain(keep: KeepInStore, alsoRefused?: boolean): Promise<Drained>;
  /** Entries set aside because the store refuses them, also those of earlier processes. */
  countRefused(): Promise<number>;
}

export interface Drained {
  readonly kept: number;
  /** Set aside in this run. */
  readonly refused: readonly RefusedEntry[];
  /** Why entries are left that the store may yet take. */
  readonly failure?: unknown;
  /** Entries that are left for another run although the store takes others. */
  readonly left?: number;
}

export interface RefusedEntry {
  readonly record: DeadLetterRecord;
  readonly error: unknown;
  /** Where it lies now. */
  readonly file?: string;
}

/** The store may answer yet, but nobody waits for it any longer. */
export class NoAnswer extends Error {}
