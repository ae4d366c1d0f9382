/** A process that runs executions, as others see it. */
export interface LeaseHolder {
  /** Its name in the ledger. */
  readonly owner: string;
  readonly host: string;
  readonly pid: number;
  /** By which another process of the same machine can tell whether it is still there; absent where nobody can. */
  readonly life?: string;
}

/** What a ledger remembers of runs that were taken up after a crash, for the case that there is another one. */
export interface LeaseNote {
  /** The execution that is on trial: the one that was let go on last. */
  readonly suspect?: string;
  /** Nothing else is at work: if the process dies now, then of this one. @default false */
  readonly alone?: boolean;
  /** The process goes in order: its end, even by force, is no execution's fault. @default false */
  readonly leaving?: boolean;
  /** Crashes in a row that nobody could be blamed for. @default 0 */
  readonly unexplained?: number;
}

/** The lease is the caller's. */
export interface LeaseTaken {
  readonly held: true;
  /** The one before did not release it. */
  readonly afterCrash: boolean;
  /** The one that it had let go on last, if others were at work beside it. */
  readonly suspect?: string;
  readonly unexplained: number;
}

/** The lease is somebody else's. */
export interface LeaseSeen {
  readonly held: false;
  readonly holder: LeaseHolder;
  /** Epoch milliseconds by the clock of the ledger. */
  readonly since: number;
  /** Time left by the clock of the ledger; less than 0 once it is over. */
  readonly leftMs: number;
  /** Another one with every renewal. */
  readonly beat: number;
}

/**
 * The right to run the executions of a ledger, which one process has at a time. It ends by the clock of the ledger, which is one
 * for all processes.
 */
export interface ExecutorLease {
  /**
   * Takes the lease when nobody has it. With `over` also when nobody has renewed it since that was seen: the caller decides that
   * its holder is gone. Unless the holder was leaving, the same transaction puts its end down to the executions that were running:
   * {@link LeaseNote.suspect} gets one more crash, beyond a second one only if it was alone; any other without one gets its first.
   */
  take(me: LeaseHolder, leaseMs: number, over?: LeaseSeen): Promise<LeaseTaken | LeaseSeen>;
  /** Resolves with false when it is somebody else's by now. */
  renew(owner: string, leaseMs: number): Promise<boolean>;
  /** Replaces what is noted. Changes nothing for anybody but the holder. */
  note(owner: string, note: LeaseNote): Promise<void>;
  /** Gives it back. Changes nothing for anybody but the holder. */
  release(owner: string): Promise<void>;
}
