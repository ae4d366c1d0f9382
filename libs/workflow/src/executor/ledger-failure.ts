import { type Clock, classifyError, type TimerHandle } from '@nest-resilience/core';
import { abortable } from './abortable.js';

/** Marks errors of the ledger: such a run neither succeeded nor failed, it must go on later. */
export class LedgerFailure extends Error {}

/**
 * What was given to the ledger is too much for it, or does not fit: no later try mends that, and the run fails. Not what another
 * transaction got in the way of.
 */
function isRefusal(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return classifyError(error).reason === 'bad_request' && !/^23|DUP/.test(String(code));
}

/** Marks what the ledger throws. @throws LedgerFailure, or the error itself when the ledger refuses what it was given */
export async function guardLedger<T>(writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (cause) {
    if (isRefusal(cause)) throw cause;
    throw new LedgerFailure('the ledger failed', { cause });
  }
}

/** A restart of a database takes seconds; whatever takes longer is no reason to hold a place. */
const PATIENCE_MS = 30_000;
const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 5_000;

/**
 * A write that may be repeated is, for 30 s: a run that was given up for a short fault would do again, and pay again, what it has just done.
 * @throws LedgerFailure, or the signal's reason
 */
export async function insist<T>(write: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  const until = clock.now() + PATIENCE_MS;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, LAST_DELAY_MS)) {
    try {
      return await guardLedger(write());
    } catch (error) {
      if (!(error instanceof LedgerFailure) || clock.now() + delayMs > until) throw error;
    }
    await pause(delayMs, clock, signal);
  }
}

/** @throws the signal's reason as soon as it is aborted */
export async function pause(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0) return;
  let waits: TimerHandle | undefined;
  const waited = new Promise<void>((resolve) => (waits = clock.setTimer(resolve, delayMs)));
  return abortable(waited, signal).finally(() => waits?.cancel());
}
