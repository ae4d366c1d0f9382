/** Remembers the outcomes that a circuit judges. Costs O(1) to write and to read. */
export interface OutcomeWindow {
  record(failed: boolean, slow: boolean, now: number): void;
  /** Brings the counters below up to date. */
  advance(now: number): void;
  readonly calls: number;
  readonly failures: number;
  readonly slowCalls: number;
  clear(): void;
  /** What a count window remembers, oldest first. */
  outcomes?(): Iterable<{ readonly failed: boolean; readonly slow: boolean }>;
}
