import type { DeadLetterRecord, DeadLetterStatus } from '../dead-letter.entry.js';
import type { DeadLetterEdit, Settlement } from './dead-letter.store.js';

/** A second failed call with the same idempotency key updates an entry in these. */
export const LIVE_STATUSES: readonly DeadLetterStatus[] = ['pending', 'redriving'];
/** Nothing is left to do for these: retention may remove them. */
export const CLOSED_STATUSES: readonly DeadLetterStatus[] = ['resolved', 'discarded'];
/** A person may edit, discard or redrive these. */
export const MOVABLE_STATUSES: readonly DeadLetterStatus[] = ['pending', 'poisoned'];

/** Where a failed redrive leads, `redrives` counting the ones before it. */
export function statusAfterFailure(record: {
  readonly redrives: number;
  readonly maxRedrives: number;
}): 'pending' | 'poisoned' {
  return record.redrives + 1 >= record.maxRedrives ? 'poisoned' : 'pending';
}

/** The entry after a redrive. `merged`: another failed call came into it meanwhile, which this redrive has not run. */
export function settled(record: DeadLetterRecord, settlement: Settlement, merged: boolean): DeadLetterRecord {
  const { outcome, at, error } = settlement;
  const base = { ...record, redrives: record.redrives + 1, lastRedriveAt: at, updatedAt: at };
  if (outcome === 'failed') {
    return { ...base, status: statusAfterFailure(record), ...(error && { lastRedriveError: error }) };
  }
  return merged ? { ...base, status: 'pending' } : { ...base, status: 'resolved', closedAt: at };
}

/** The older entry with what the newer failed call brought. */
export function merged(older: DeadLetterRecord, newer: DeadLetterRecord): DeadLetterRecord {
  const { args, replayable, notReplayable, redacted, reason, error, attempts, fallbacks, executionId } = newer;
  return {
    ...older,
    ...{ args, replayable, notReplayable, redacted, reason, error, attempts, fallbacks, executionId },
    ...(newer.traceparent !== undefined && { traceparent: newer.traceparent }),
    queue: newer.queue,
    maxRedrives: newer.maxRedrives,
    occurrences: older.occurrences + newer.occurrences,
    updatedAt: newer.createdAt,
  };
}

export function edited(record: DeadLetterRecord, edit: DeadLetterEdit): DeadLetterRecord {
  const { args, replayable, notReplayable, note, at } = edit;
  return {
    ...record,
    ...{ args, replayable, notReplayable },
    ...(note !== undefined && { note }),
    status: 'pending',
    updatedAt: at,
  };
}
